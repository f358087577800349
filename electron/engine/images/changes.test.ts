import { describe, expect, it } from 'vitest'
import { applyChanges } from './changes'

describe('applyChanges', () => {
  it.each([
    ['CMD ["sh", "-c"]', { Cmd: ['sh', '-c'] }],
    ['CMD echo hi', { Cmd: ['/bin/sh', '-c', 'echo hi'] }],
    ['entrypoint ["/init"]', { Entrypoint: ['/init'] }],
    ['ENV A=1 B="x y" C=\'z "q"\' D=a\\ b', { Env: ['A=1', 'B=x y', 'C=z "q"', 'D=a b'] }],
    ['ENV A some words', { Env: ['A=some words'] }],
    ['LABEL a.b=c', { Labels: { 'a.b': 'c' } }],
    ['EXPOSE 80 53/udp', { ExposedPorts: { '80/tcp': {}, '53/udp': {} } }],
    ['VOLUME ["/a", "/b"]', { Volumes: { '/a': {}, '/b': {} } }],
    ['VOLUME /a /b', { Volumes: { '/a': {}, '/b': {} } }],
    ['USER nobody', { User: 'nobody' }],
    ['WORKDIR /w', { WorkingDir: '/w' }],
    ['STOPSIGNAL SIGINT', { StopSignal: 'SIGINT' }],
    ['ONBUILD RUN x', { OnBuild: ['RUN x'] }],
  ])('%s', (change, expected) => {
    expect(applyChanges({}, [change])).toEqual(expected)
  })
  it('adds to what is there', () => {
    const config = { Env: ['A=0', 'B=1'], Labels: { x: '1' }, WorkingDir: '/w' }
    expect(applyChanges(config, ['ENV A=2', 'LABEL y=2', 'WORKDIR sub'])).toEqual({
      Env: ['A=2', 'B=1'],
      Labels: { x: '1', y: '2' },
      WorkingDir: '/w/sub',
    })
  })
  it.each([
    ['RUN x', 'run is not a valid change command'],
    ['ENV', 'ENV requires at least one argument'],
    ['NOPE x', 'unknown instruction: NOPE'],
    ['EXPOSE web', 'Invalid containerPort: web'],
    ['ENV A', 'must have two arguments'],
    ['ENV A=1 B', 'Syntax error'],
  ])('refuses %j', (change, message) => {
    expect(() => applyChanges({}, [change])).toThrow(message)
  })
})
