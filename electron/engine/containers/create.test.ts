import { describe, expect, test } from 'vitest'
import { createBody } from './config'
import { mergeImage, type ImageDefaults } from './create'

const image: ImageDefaults = {
  Entrypoint: ['/start'],
  Cmd: ['serve'],
  Env: ['PATH=/bin', 'A=image'],
  Labels: { a: 'image', b: 'image' },
  ExposedPorts: { '80/tcp': {} },
  Volumes: { '/data': {} },
  User: 'www',
  WorkingDir: '/srv',
  StopSignal: 'SIGQUIT',
}
const merged = (given: object) => mergeImage(createBody.parse(given).config, image)

describe('Entrypoint and Cmd', () => {
  test.each([
    [{}, ['/start'], ['serve']],
    [{ Cmd: ['x'] }, ['/start'], ['x']],
    [{ Entrypoint: ['/own'] }, ['/own'], null],
    [{ Entrypoint: ['/own'], Cmd: ['x'] }, ['/own'], ['x']],
    [{ Entrypoint: [''], Cmd: ['x'] }, null, ['x']],
    [{ Entrypoint: [], Cmd: ['x'] }, ['/start'], ['x']],
    [{ Cmd: 'x' }, ['/start'], ['x']],
  ])('%j', (given, Entrypoint, Cmd) => {
    expect(merged(given)).toMatchObject({ Entrypoint, Cmd })
  })
})

test('maps and the environment are joined, the own ones win', () => {
  const config = merged({ Env: ['A=own'], Labels: { a: 'own' }, ExposedPorts: { '81/tcp': {} }, Volumes: { '/v': {} } })
  expect(config.Env).toEqual(['A=own', 'PATH=/bin'])
  expect(config.Labels).toEqual({ a: 'own', b: 'image' })
  expect(Object.keys(config.ExposedPorts!)).toEqual(['80/tcp', '81/tcp'])
  expect(Object.keys(config.Volumes!)).toEqual(['/data', '/v'])
})

test('the rest is taken over where nothing is given', () => {
  expect(merged({})).toMatchObject({ User: 'www', WorkingDir: '/srv', StopSignal: 'SIGQUIT' })
  expect(merged({ User: '1', WorkingDir: '/', StopSignal: 'USR1' })).toMatchObject({
    User: '1',
    WorkingDir: '/',
    StopSignal: 'USR1',
  })
})
