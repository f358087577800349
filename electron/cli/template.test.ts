import { describe, expect, it } from 'vitest'
import { compileTemplate } from './template'

const data = {
  Name: '/web',
  Count: 2,
  On: true,
  Off: false,
  Nothing: null,
  Empty: [],
  State: { Running: true, Health: { Status: 'ok' } },
  Labels: { b: '2', 'a.b/c': '1' },
  Mounts: [
    { Source: '/s1', Name: 'one' },
    { Source: '/s2', Name: 'two' },
  ],
  Cmd: ['sh', '-c', 'a < b'],
  Label: (key: string) => `<${key}>`,
}

describe('compileTemplate', () => {
  it.each([
    ['plain', 'plain'],
    ['{{.Name}}', '/web'],
    ['{{ .State.Health.Status }}!', 'ok!'],
    ['{{.Missing}} {{.Missing.Deeper}} {{.Nothing}}', '<no value> <no value> <nil>'],
    ['{{.Cmd}} {{.Labels}}', '[sh -c a < b] map[a.b/c:1 b:2]'],
    ['{{json .Cmd}}', '["sh","-c","a \\u003c b"]'],
    ['{{.State | json}}', '{"Running":true,"Health":{"Status":"ok"}}'],
    ['{{index .Labels "a.b/c"}}', '1'],
    ['{{(index .Mounts 1).Name}}', 'two'],
    ['{{index .Cmd 0 | upper}}', 'SH'],
    ['{{len .Mounts}} {{len .Name}}', '2 4'],
    ['{{join .Cmd ","}}', 'sh,-c,a < b'],
    ['{{if .On}}yes{{else}}no{{end}}', 'yes'],
    ['{{if .Empty}}yes{{else if .Off}}off{{else}}no{{end}}', 'no'],
    ['{{if and .On (eq .Count 2)}}both{{end}}', 'both'],
    ['{{if not .Off}}not{{end}}', 'not'],
    ['{{range .Mounts}}{{.Name}};{{end}}', 'one;two;'],
    ['{{range $i, $m := .Mounts}}{{$i}}={{$m.Source}} {{end}}', '0=/s1 1=/s2 '],
    ['{{range $k, $v := .Labels}}{{$k}}:{{$v}} {{end}}', 'a.b/c:1 b:2 '],
    ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
    ['{{with .State}}{{.Running}} {{$.Name}}{{end}}', 'true /web'],
    ['{{.Label "x"}}', '<x>'],
    ['a {{- .Count -}} b', 'a2b'],
    ['{{/* comment */}}{{printf "%s-%d" .Name .Count}}', '/web-2'],
    ['{{"quoted \\"text\\""}} {{`raw`}}', 'quoted "text" raw'],
    ['{{println .Count}}', '2\n'],
  ])('%s', (source, expected) => {
    expect(compileTemplate(source)(data)).toBe(expected)
  })

  it.each(['{{.Name', '{{if .On}}', '{{end}}', '{{nope .Name}}', '{{}}', '{{(.Name}}'])('refuses %s', (source) => {
    expect(() => compileTemplate(source)).toThrow('template parsing error')
  })
})
