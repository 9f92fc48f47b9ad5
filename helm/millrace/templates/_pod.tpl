{{/* What the worker's pod and those of the checks have in common. */}}

{{- define "millrace.podCommon" -}}
# A Service called millrace would otherwise put variables of the worker's own names into its environment.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "millrace.containerCommon" -}}
image: {{ include "millrace.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What the chart cannot read in a foreign ConfigMap, it sets. */}}
{{- define "millrace.env" -}}
{{- $env := list }}
{{- if .Values.existingConfigMap }}
{{- $grace := include "millrace.graceSeconds" . }}
{{- $env = append $env (dict "name" "MILLRACE_HTTP_LISTEN" "value" "[::]:7780") }}
{{- $env = append $env (dict "name" "MILLRACE_HTTP_PROBE_LISTEN" "value" "[::]:7781") }}
{{- $env = append $env (dict "name" "MILLRACE_SHUTDOWN_GRACE_S" "value" $grace) }}
{{- end }}
{{- with concat $env .Values.extraEnv }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* Directories, never a subPath: a file that is mounted alone is never updated. */}}
{{- define "millrace.volumeMounts" -}}
- name: config
  mountPath: /etc/millrace
  readOnly: true
{{- range $name, $secret := .Values.secrets }}
- name: secret-{{ $name }}
  mountPath: /run/secrets/millrace/{{ $name }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "millrace.volumes" -}}
- name: config
  configMap:
    name: {{ include "millrace.configMapName" . }}
{{- range $name, $secret := .Values.secrets }}
- name: secret-{{ $name }}
  secret:
    secretName: {{ $secret.existingSecret }}
    defaultMode: 0440
    {{- with $secret.keys }}
    items:
      {{- range . }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
    {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
