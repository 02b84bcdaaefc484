{{- define "quincunx.labels" -}}
app.kubernetes.io/name: quincunx
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "quincunx.select" -}}
app.kubernetes.io/name: quincunx
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "quincunx.image" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}
{{- define "quincunx.security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
{{- end }}
{{- define "quincunx.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "quincunx.env" -}}
env:
  - {name: DATABASE_URL_FILE, value: /etc/quincunx-secrets/database_url}
  - {name: ENCRYPTION_KEY_FILE, value: /etc/quincunx-secrets/encryption_key}
  - {name: JWT_SECRET_KEY_FILE, value: /etc/quincunx-secrets/jwt_secret}
  - {name: QUINCUNX_AUTH_AUDIT_KEY_FILE, value: /etc/quincunx-secrets/audit_key}
  {{- with .Values.publicUrl }}
  - {name: QUINCUNX_HTTP_PUBLIC_URL, value: {{ . | quote }}}
  {{- end }}
  {{- range $k, $v := .Values.settings }}
  - {name: {{ $k }}, value: {{ $v | quote }}}
  {{- end }}
{{- end }}
{{- define "quincunx.mounts" -}}
volumeMounts:
  - {name: run, mountPath: /run/quincunx}
  - {name: state, mountPath: /var/lib/quincunx}
  - {name: tmp, mountPath: /tmp}
  - {name: secrets, mountPath: /etc/quincunx-secrets, readOnly: true}
{{- end }}
{{- define "quincunx.volumes" -}}
volumes:
  - {name: run, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
  - {name: state, emptyDir: {}}
  - {name: tmp, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
  - name: secrets
    secret:
      secretName: {{ .Values.existingSecret }}
      defaultMode: 0440
{{- end }}
