{{- define "vio.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "vio.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "vio.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "vio.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "vio.account" -}}
{{- default (include "vio.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{/* Labels by which pods are selected; they never change. Called with (list $ component). */}}
{{- define "vio.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "vio.name" $ }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "vio.labels" -}}
{{- $ := index . 0 -}}
{{ include "vio.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
app.kubernetes.io/part-of: video-ingest-operator
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The reference of one of our images. Called with (list $ .Values.images.<which>). */}}
{{- define "vio.image" -}}
{{- $ := index . 0 -}}
{{- $image := index . 1 -}}
{{- with $.Values.images.registry }}{{ . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default $.Chart.AppVersion $image.tag }}{{ end }}
{{- end }}

{{/* The namespaces that the operator serves, as JSON; none where it serves all of them. */}}
{{- define "vio.watched" -}}
{{- if .Values.clusterWide }}[]{{ else }}{{ include "vio.namespaces" . }}{{ end }}
{{- end }}

{{/* Where batches are made, as far as the chart knows: as JSON, because a template can return text only. */}}
{{- define "vio.namespaces" -}}
{{- .Values.watchNamespaces | default (list .Release.Namespace) | toJson }}
{{- end }}

{{/* Nobody in particular, as the restricted Pod Security Standard wants it. */}}
{{- define "vio.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "vio.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
readOnlyRootFilesystem: true
{{- end }}

{{/* Where a pod of ours runs, by the values of its group: `operator` or `jobs`. */}}
{{- define "vio.placed" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "vio.pullSecrets" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Where the pods of a profile find their models, as a volume called `models`: called with the profile's pods. */}}
{{- define "vio.modelsVolume" -}}
{{- $models := dict "persistentVolumeClaim" (dict "claimName" .models.claimName "readOnly" true) }}
{{- if .models.hostPath }}{{ $models = dict "hostPath" (dict "path" .models.hostPath "type" "Directory") }}{{ end }}
{{- if .models.image }}{{ $models = dict "image" (dict "reference" .models.image "pullPolicy" "IfNotPresent") }}{{ end }}
{{- merge (dict "name" "models") $models | toYaml }}
{{- end }}

{{/* Where the reader is: beside the batches, whose models and Secrets it needs; in the first namespace with some. */}}
{{- define "vio.readerNamespace" -}}
{{- include "vio.namespaces" . | fromJsonArray | first }}
{{- end }}

{{- define "vio.readerAddress" -}}
http://{{ include "vio.fullname" . }}-reader.{{ include "vio.readerNamespace" . }}.svc:{{ .Values.reader.service.port }}
{{- end }}

{{/*
A Job that is over when its work is done, as an object of its own for each content: (list $ namespace component pod). A change makes another
Job and takes the old one away, so nothing immutable is ever changed, whoever applies it. No TTL: a Job that goes by itself looks to GitOps
like one that is missing.
*/}}
{{- define "vio.once" -}}
{{- $ := index . 0 -}}
{{- $namespace := index . 1 -}}
{{- $component := index . 2 -}}
{{- $pod := index . 3 -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "vio.fullname" $ }}-{{ $component }}-{{ print $pod (toJson $.Values.jobs) | sha256sum | trunc 8 }}
  namespace: {{ $namespace }}
  labels:
    {{- include "vio.labels" (list $ $component) | nindent 4 }}
spec:
  backoffLimit: 10
  podReplacementPolicy: Failed
  podFailurePolicy:
    rules:
      - action: Ignore
        onPodConditions: [{type: DisruptionTarget, status: "True"}]
      # What trying again does not mend: 72 SchemaMismatch, 73 DimensionMismatch, 80 OrderInvalid.
      - action: FailJob
        onExitCodes: {containerName: {{ $component }}, operator: In, values: [72, 73, 80]}
  template:
    metadata:
      labels:
        {{- include "vio.selector" (list $ $component) | nindent 8 }}
        {{- with $.Values.jobs.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $.Values.jobs.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "vio.placed" $.Values.jobs | nindent 6 }}
      {{- $pod | nindent 6 }}
{{- end }}
