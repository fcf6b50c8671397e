{{/* How a WordPress container finds its store. Secrets are files: see woocommerce.secretsVolume. */}}
{{- define "woocommerce.storeEnv" -}}
- name: PUBLIC_URL
  value: {{ .Values.platform.publicUrl | quote }}
- name: STORE_NAME
  value: {{ .Values.platform.name | quote }}
- name: DATABASE_HOST
  value: database:3306
{{- end }}

{{/* Some keys of the store's Secret, as files that only the pod's group can read. Takes {root, keys}. */}}
{{- define "woocommerce.secretsVolume" -}}
- name: secrets
  secret:
    secretName: {{ .root.Values.platform.credentialsSecret }}
    defaultMode: 0440
    items:
      {{- range .keys }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- end }}

{{- define "woocommerce.secretsMount" -}}
- name: secrets
  mountPath: /secrets
  readOnly: true
{{- end }}

{{/* A handshake by TCP: while the data directory is initialised, the official images' server listens on its socket only.
     A server that refuses the login is up. Takes the values of `mysql`. */}}
{{- define "woocommerce.databaseProbe" -}}
exec:
  command: [{{ ternary "mysqladmin" "mariadb-admin" (eq .flavour "mysql") }}, ping, --silent, --protocol=tcp, --host=127.0.0.1, --connect-timeout=4]
{{- end }}
