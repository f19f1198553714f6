{{/* What a schema cannot say: values that contradict each other, each with what to do. */}}
{{- define "vio.validate" -}}
{{- if and (eq .Values.models.from "HostPath") (not .Values.models.hostPath) }}
{{- fail "models.from is HostPath: say in models.hostPath which folder of the nodes holds the models" }}
{{- end }}
{{- if and (eq .Values.models.from "Image") (not .Values.models.image) }}
{{- fail "models.from is Image: say in models.image which image holds the models" }}
{{- end }}
{{- if and .Values.monitoring.podMonitor.enabled .Values.monitoring.serviceMonitor.enabled }}
{{- fail "monitoring.podMonitor and monitoring.serviceMonitor would both scrape the operator: enable one of them" }}
{{- end }}
{{- if and .Values.store.tryOut.enabled (not .Values.store.migration.enabled) }}
{{- fail "store.tryOut begins with an empty database: leave store.migration.enabled on" }}
{{- end }}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
{{- fail "serviceAccount.create is off: say in serviceAccount.name which one the operator uses" }}
{{- end }}
{{- end }}
