import type { ContainerInfo } from 'dockerode'
import { expect, test } from 'vitest'
import { isIn, rowsOf, searchOf } from './container-filter'

let created = 0
const container = (name: string, rest: Partial<ContainerInfo> = {}) =>
  ({ Id: name, Names: [`/${name}`], Image: 'docker.io/library/nginx:1', State: 'running', Status: 'Up', Labels: {}, Created: ++created, ...rest }) as unknown as ContainerInfo // prettier-ignore
const inStack = (stack: string) => ({ Labels: { 'com.docker.compose.project': stack, tier: 'back' } })
const all = [
  container('zoo'),
  container('shop-web-1', inStack('shop')),
  container('job', { State: 'exited', Status: 'Exited (3) 2 minutes ago', Image: 'busybox' }),
  container('shop-db-1', inStack('shop')),
]
const keys = (rows: ReturnType<typeof rowsOf>) => rows.map(({ key }) => key)

test('words and fields', () => {
  const find = (text: string) => all.filter(searchOf(text)).map(({ Id }) => Id)
  expect(find('shop db')).toEqual(['shop-db-1'])
  expect(find('image:busy')).toEqual(['job'])
  expect(find('label:tier=back web')).toEqual(['shop-web-1'])
  expect(find('stack:shop')).toHaveLength(2)
  expect(find('state:exited')).toEqual(['job'])
})

test('states', () => {
  const find = (choice: Parameters<typeof isIn>[1]) => all.filter((one) => isIn(one, choice)).length
  expect([find(''), find('running'), find('stopped'), find('failed'), find('paused')]).toEqual([4, 3, 1, 1, 0])
})

test('a stack stands where its first container would, and folds', () => {
  const byAge = rowsOf(all, { key: 'age', descending: false }, new Map(), new Set())
  expect(keys(byAge)).toEqual(['stack shop', 'shop-db-1', 'shop-web-1', 'job', 'zoo'])
  expect(keys(rowsOf(all, { key: 'name', descending: true }, new Map(), new Set(['shop'])))).toEqual(['zoo', 'stack shop', 'job']) // prettier-ignore
})

test('what uses most comes first', () => {
  const usage = new Map([['job', { now: { cpu: 1 } }], ['zoo', { now: { cpu: 50 } }]]) as never // prettier-ignore
  expect(keys(rowsOf([all[0]!, all[2]!], { key: 'cpu', descending: false }, usage, new Set()))).toEqual(['zoo', 'job'])
})
