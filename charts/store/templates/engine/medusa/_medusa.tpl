{{/* How a Medusa container finds its store. The password reaches the URL inside the container only. */}}
{{- define "medusa.storeEnv" -}}
- name: DATABASE_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.platform.credentialsSecret }}
      key: database-password
- name: DATABASE_URL
  value: postgres://medusa:$(DATABASE_PASSWORD)@database:5432/medusa?sslmode=disable
- name: PUBLIC_URL
  value: {{ .Values.platform.publicUrl | quote }}
- name: STORE_NAME
  value: {{ .Values.platform.name | quote }}
{{- end }}

{{/* Takes {name, key, root}. */}}
{{- define "medusa.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.platform.credentialsSecret }}
      key: {{ .key }}
{{- end }}
