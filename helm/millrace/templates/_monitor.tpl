{{/* The endpoint of a PodMonitor or ServiceMonitor; the context is the monitor's values. */}}
{{- define "millrace.endpoint" -}}
- port: metrics
  path: /metrics
  {{- with .interval }}
  interval: {{ . }}
  {{- end }}
  {{- with .scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  {{- with .relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* [values of prometheusRule, rule of files/alerts.yaml]: the rule with the labels and the address of its runbook section. */}}
{{- define "millrace.rule" -}}
{{- $values := index . 0 }}
{{- $rule := deepCopy (index . 1) }}
{{- if $rule.alert }}
{{- $rule = merge $rule (dict "labels" $values.alertLabels) }}
{{- if and $values.runbookUrl $rule.annotations.runbook }}
{{- $section := splitList "#" $rule.annotations.runbook | last }}
{{- $rule = merge $rule (dict "annotations" (dict "runbook_url" (printf "%s#%s" $values.runbookUrl $section))) }}
{{- end }}
{{- end }}
{{- toYaml $rule }}
{{- end }}
