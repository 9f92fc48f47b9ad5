{{/* Over nodes and zones, as far as that goes; a constraint that selects nothing gets the workers' selector. */}}
{{- define "millrace.spread" -}}
{{- $constraints := .Values.topologySpreadConstraints }}
{{- if kindIs "invalid" $constraints }}
{{- $constraints = list }}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
{{- $constraints = append $constraints (dict "maxSkew" 1 "topologyKey" $key "whenUnsatisfiable" "ScheduleAnyway") }}
{{- end }}
{{- end }}
{{- $selector := dict "labelSelector" (dict "matchLabels" (include "millrace.selector" . | fromYaml)) }}
{{- $complete := list }}
{{- range $constraints }}
{{- $complete = append $complete (merge (deepCopy .) (hasKey . "labelSelector" | ternary dict $selector)) }}
{{- end }}
{{- toYaml $complete }}
{{- end }}
