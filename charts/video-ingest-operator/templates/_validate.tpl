{{/* What a schema cannot say: values that contradict each other, each with what to do. */}}
{{- define "vio.validate" -}}
{{- if and .Values.clusterWide .Values.watchNamespaces }}
{{- fail "clusterWide serves every namespace, and watchNamespaces names some: take one of them" }}
{{- end }}
{{- if and (eq .Values.models.from "HostPath") (not .Values.models.hostPath) }}
{{- fail "models.from is HostPath: say in models.hostPath which folder of the nodes holds the models" }}
{{- end }}
{{- if and (eq .Values.models.from "Image") (not .Values.models.image) }}
{{- fail "models.from is Image: say in models.image which image holds the models" }}
{{- end }}
{{- if and (eq .Values.cache.from "HostPath") (not .Values.cache.hostPath) }}
{{- fail "cache.from is HostPath: say in cache.hostPath in which folder of the nodes fetched audio waits" }}
{{- end }}
{{- if and (eq .Values.cache.from "ObjectStore") (not .Values.cache.objectStore.url) }}
{{- fail "cache.from is ObjectStore: say in cache.objectStore.url which bucket it is, as in s3://bucket/prefix" }}
{{- end }}
{{- if and .Values.monitoring.podMonitor.enabled .Values.monitoring.serviceMonitor.enabled }}
{{- fail "monitoring.podMonitor and monitoring.serviceMonitor would both scrape the operator: enable one of them" }}
{{- end }}
{{- if and .Values.store.tryOut.enabled (not .Values.store.migration.enabled) }}
{{- fail "store.tryOut begins with an empty database: leave store.migration.enabled on" }}
{{- end }}
{{- if eq .Values.models.from "Claim" }}
{{- if and .Values.models.fetch.enabled (not (has .Values.models.set (list "default" "multilingual"))) }}
{{- fail (printf "models.fetch knows the sets `default` and `multilingual`, and no set `%s`: put yours onto a claim that you make, and set models.fetch.enabled and models.claim.create to false" .Values.models.set) }}
{{- end }}
{{- if and .Release.IsInstall .Values.models.claim.create (not .Values.models.fetch.enabled) }}
{{- fail "models.fetch.enabled is off, so nobody would fill the claim that the chart makes, and `helm install --wait` would wait for it: make the claim, fill it, and set models.claim.create to false" }}
{{- end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.metricsFrom) (or .Values.monitoring.podMonitor.enabled .Values.monitoring.serviceMonitor.enabled) }}
{{- fail "Prometheus is to read /metrics, and the network policies let nobody: name it in networkPolicy.metricsFrom, as in [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]" }}
{{- end }}
{{- if and .Values.prepull.enabled (not (include "vio.worker" (include "vio.profileSpec" . | fromYaml) | fromYaml).place.nodeSelector) }}
{{- fail "prepull would bring gigabytes to every node: say in gpu.nodeSelector which ones have GPUs, as in {nvidia.com/gpu.present: \"true\"}" }}
{{- end }}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
{{- fail "serviceAccount.create is off: say in serviceAccount.name which one the operator uses" }}
{{- end }}
{{- if .Values.reader.enabled }}
{{- include "vio.validateReader" . }}
{{- end }}
{{- end }}

{{- define "vio.validateReader" -}}
{{- $namespace := include "vio.readerNamespace" . }}
{{- with .Values.reader }}
{{- $shown := or .ingress.enabled .httpRoute.enabled (ne .service.type "ClusterIP") }}
{{- if and (eq .auth "Token") (not .token.secretName) }}
{{- fail (printf "reader.auth is Token: make one (kubectl -n %s create secret generic reader-token --from-literal token=$(openssl rand -hex 32)) and name it in reader.token.secretName; or set reader.auth to Ingress where something in front of the reader asks who people are" $namespace) }}
{{- end }}
{{- range $which := list $.Values.store.secret $.Values.store.owner }}
{{- if eq (toJson $which) (toJson $.Values.reader.store) }}
{{- fail (printf "reader.store is the Secret %s, whose role writes: make a login that only reads (create role reader login password '...' in role ingest_reader) and put its address into a Secret of its own (docs/reader.md)" $which.name) }}
{{- end }}
{{- end }}
{{- with regexFind "^/(api|batches|healthz|mcp|readyz|receipts|recordings|speakers|static|voices)(/|$)" .prefix }}
{{- fail (printf "reader.prefix begins as the reader's own %s does: behind a proxy that takes the prefix away, nobody could tell them apart; take another, as /corpus" (trimSuffix "/" .)) }}
{{- end }}
{{- if and .ingress.enabled (not .ingress.host) }}
{{- fail "reader.ingress is enabled: say in reader.ingress.host by which name people reach it" }}
{{- end }}
{{- if and .httpRoute.enabled (not .httpRoute.parentRefs) }}
{{- fail "reader.httpRoute is enabled: say in reader.httpRoute.parentRefs which Gateway it belongs to, as in [{name: public, namespace: gateways}]" }}
{{- end }}
{{- if and $.Values.networkPolicy.enabled (not $.Values.networkPolicy.reader.from) (or $shown (eq .auth "Ingress")) }}
{{- fail "the network policies let nobody reach the reader: name what is in front of it in networkPolicy.reader.from, as in [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}], or for a Service that is published the addresses of people, as in [{ipBlock: {cidr: 10.0.0.0/8}}]" }}
{{- end }}
{{- if and (eq .auth "Ingress") (not $.Values.networkPolicy.enabled) }}
{{- fail "reader.auth is Ingress, and without network policies every pod of the cluster reads the corpus past it: leave networkPolicy.enabled on, or set reader.auth to Token" }}
{{- end }}
{{- end }}
{{- end }}
