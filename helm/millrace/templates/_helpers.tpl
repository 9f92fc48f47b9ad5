{{/* Names.  A StatefulSet's name goes into a label of its pods with a hash of 11 characters behind it: 52 characters at most. */}}
{{- define "millrace.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "millrace.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}{{ $name = .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}{{ $name = .Release.Name }}
{{- else }}{{ $name = printf "%s-%s" .Release.Name $name }}
{{- end }}
{{- $name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "millrace.serviceAccountName" -}}
{{- default (ternary (include "millrace.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{/* Labels.  `instance` are all pods of the release; `selector` are the workers alone, not those of checks. */}}
{{- define "millrace.instance" -}}
app.kubernetes.io/name: {{ include "millrace.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "millrace.selector" -}}
{{ include "millrace.instance" . }}
app.kubernetes.io/component: worker
{{- end }}

{{/* Of the workers' pods: nothing that changes with the chart's version alone, which would roll them. */}}
{{- define "millrace.podLabels" -}}
{{- $version := dict "app.kubernetes.io/version" .Chart.AppVersion }}
{{- merge (include "millrace.selector" . | fromYaml) $version .Values.podLabels .Values.commonLabels | toYaml }}
{{- end }}

{{- define "millrace.labels" -}}
{{- $labels := include "millrace.instance" . | fromYaml }}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") }}
{{- $_ := set $labels "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .Release.Service }}
{{- merge $labels .Values.commonLabels | toYaml }}
{{- end }}

{{- define "millrace.image" -}}
{{- with .Values.image }}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}
