import { describe, expect, it } from 'vitest'
import { defaultConfig, parseEngineConfig } from './config'

const parse = (settings: unknown) => parseEngineConfig(JSON.stringify(settings), '/data/engine.json')

describe('engine.json', () => {
  it('has dockerd’s defaults', () => {
    expect(parseEngineConfig('', '/data/engine.json')).toEqual(defaultConfig)
    expect(defaultConfig).toMatchObject({
      hosts: [],
      'registry-mirrors': [],
      'max-concurrent-downloads': 3,
      'max-concurrent-uploads': 5,
      'max-download-attempts': 5,
    })
  })

  it('takes daemon.json’s words', () => {
    const given = {
      hosts: ['tcp://127.0.0.1:2376'],
      tlsverify: true,
      'registry-mirrors': ['https://mirror.example', 'http://127.0.0.1:5000/'],
      'insecure-registries': ['10.0.0.0/8', 'registry.example:5000', 'fd00::/8', '[::1]:5000'],
      'max-concurrent-uploads': 1,
      proxies: { 'https-proxy': 'http://proxy.example:3128' },
    }
    expect(parse(given)).toMatchObject(given)
  })

  it.each([
    ['{', /^The settings in \/data\/engine.json cannot be used: .*JSON/],
    ['{"registry-mirror": []}', "the following directives don't match any configuration option: registry-mirror"],
    ['{"proxies": {"ftp-proxy": ""}}', "don't match any configuration option: ftp-proxy"],
    ['{"hosts": "unix:///x"}', 'hosts: Invalid input: expected array'],
    ['{"max-concurrent-downloads": 0}', 'invalid max concurrent downloads: 0'],
    ['{"registry-mirrors": ["mirror.example"]}', 'invalid mirror: "mirror.example" is not a valid URI'],
    ['{"registry-mirrors": ["ftp://a"]}', 'invalid mirror: unsupported scheme "ftp" in "ftp://a"'],
    ['{"registry-mirrors": ["https://a/b"]}', 'invalid mirror: path, query, or fragment at end of the URI'],
    ['{"registry-mirrors": ["https://u:p@a"]}', 'invalid mirror: username/password not allowed in URI'],
    ['{"insecure-registries": ["http://a"]}', "insecure registry http://a should not contain '://'"],
    ['{"insecure-registries": ["a/b"]}', 'insecure registry a/b is not valid'],
    ['{"insecure-registries": ["-a"]}', 'insecure registry -a is not valid'],
    ['{"insecure-registries": ["10.0.0.0/33"]}', 'insecure registry 10.0.0.0/33 is not valid'],
  ])('refuses %s', (text, message) => {
    expect(() => parseEngineConfig(text, '/data/engine.json')).toThrow(message)
  })
})
