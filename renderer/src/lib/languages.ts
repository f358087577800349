import type { StreamParser } from '@codemirror/language'

type Mode = () => Promise<StreamParser<unknown>>

const javascript: Mode = async () => (await import('@codemirror/legacy-modes/mode/javascript')).javascript
const typescript: Mode = async () => (await import('@codemirror/legacy-modes/mode/javascript')).typescript
const shell: Mode = async () => (await import('@codemirror/legacy-modes/mode/shell')).shell
const yaml: Mode = async () => (await import('@codemirror/legacy-modes/mode/yaml')).yaml
const xml: Mode = async () => (await import('@codemirror/legacy-modes/mode/xml')).xml
const html: Mode = async () => (await import('@codemirror/legacy-modes/mode/xml')).html
const properties: Mode = async () => (await import('@codemirror/legacy-modes/mode/properties')).properties
const dockerfile: Mode = async () => (await import('@codemirror/legacy-modes/mode/dockerfile')).dockerFile
const nginx: Mode = async () => (await import('@codemirror/legacy-modes/mode/nginx')).nginx

const modes: Record<string, Mode> = {
  js: javascript,
  mjs: javascript,
  cjs: javascript,
  ts: typescript,
  json: async () => (await import('@codemirror/legacy-modes/mode/javascript')).json,
  py: async () => (await import('@codemirror/legacy-modes/mode/python')).python,
  go: async () => (await import('@codemirror/legacy-modes/mode/go')).go,
  rb: async () => (await import('@codemirror/legacy-modes/mode/ruby')).ruby,
  rs: async () => (await import('@codemirror/legacy-modes/mode/rust')).rust,
  c: async () => (await import('@codemirror/legacy-modes/mode/clike')).c,
  h: async () => (await import('@codemirror/legacy-modes/mode/clike')).c,
  java: async () => (await import('@codemirror/legacy-modes/mode/clike')).java,
  css: async () => (await import('@codemirror/legacy-modes/mode/css')).css,
  sql: async () => (await import('@codemirror/legacy-modes/mode/sql')).standardSQL,
  toml: async () => (await import('@codemirror/legacy-modes/mode/toml')).toml,
  lua: async () => (await import('@codemirror/legacy-modes/mode/lua')).lua,
  diff: async () => (await import('@codemirror/legacy-modes/mode/diff')).diff,
  sh: shell,
  bash: shell,
  profile: shell,
  yml: yaml,
  yaml,
  xml,
  svg: xml,
  html,
  htm: html,
  ini: properties,
  cnf: properties,
  cfg: properties,
  env: properties,
  properties,
  dockerfile,
  containerfile: dockerfile,
}

/** How a file's text is coloured, by its name; undefined for plain text. */
export function modeOf(path: string): Mode | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase()
  if (/^(dockerfile|containerfile)\b/.test(name)) return dockerfile
  if (/nginx.*\.conf$/.test(name)) return nginx
  if (name.endsWith('.conf')) return properties
  return modes[name.slice(name.lastIndexOf('.') + 1)]
}
