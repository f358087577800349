import type { MenuItemConstructorOptions } from 'electron'
import { expect, test, vi } from 'vitest'
import { type ContainerSummary, trayMenu } from './tray-menu'

const container = (name: string, rest: Partial<ContainerSummary> = {}): ContainerSummary => ({ Id: name, Names: [`/${name}`], State: 'running', Created: 1, Labels: {}, Ports: [], ...rest }) // prettier-ignore
const stack = { Labels: { 'com.docker.compose.project': 'shop' } }
const actions = () => ({ show: vi.fn(), act: vi.fn(), openPort: vi.fn(), pause: vi.fn(), resume: vi.fn(), quit: vi.fn() }) // prettier-ignore
const find = (items: MenuItemConstructorOptions[], label: string) => items.find((item) => item.label === label)!
const sub = (item: MenuItemConstructorOptions) => item.submenu as MenuItemConstructorOptions[]
const click = (item: MenuItemConstructorOptions) => (item.click as () => void)()

test('stacks and containers with what can be done to each', () => {
  const done = actions()
  const ports = [{ PublicPort: 8080, PrivatePort: 80, Type: 'tcp' }, { PublicPort: 8080, PrivatePort: 80, Type: 'tcp' }, { PrivatePort: 90, Type: 'tcp' }] // prettier-ignore
  const menu = trayMenu(
    { phase: 'running', host: 'unix:///x', owned: true },
    [container('job', { State: 'exited', Created: 9 }), container('web', { Ports: ports }), container('db', stack), container('api', { ...stack, State: 'exited' })], // prettier-ignore
    { NCPU: 4, MemTotal: 2 ** 31, ContainersRunning: 2, Containers: 4 },
    done,
  )
  const labels = menu.map(({ label }) => label)
  expect(labels).toContain('2 of 4 containers run, on 4 CPUs and 2.0 GiB')
  expect(labels.indexOf('○ job')).toBeGreaterThan(labels.indexOf('● web'))
  click(find(sub(find(menu, '● shop')), 'Stop all'))
  expect(done.act).toHaveBeenLastCalledWith(['db'], 'stop')
  click(find(sub(find(sub(find(menu, '● shop')), '○ api')), 'Start'))
  expect(done.act).toHaveBeenLastCalledWith(['api'], 'start')
  const web = sub(find(menu, '● web'))
  expect(web.filter(({ label }) => label?.startsWith('Open port'))).toHaveLength(1)
  click(find(web, 'Open port 8080 in the browser'))
  expect(done.openPort).toHaveBeenCalledWith(8080)
  click(find(web, 'Terminal'))
  expect(done.show).toHaveBeenLastCalledWith('/containers/web/terminal')
  click(find(menu, 'Pause engine'))
  expect(done.pause).toHaveBeenCalled()
})

test('an engine of somebody else can’t be paused; a failed one can be resumed', () => {
  const foreign = trayMenu({ phase: 'running', host: 'unix:///x', owned: false }, [], undefined, actions())
  expect(find(foreign, 'Pause engine (it was started elsewhere)').enabled).toBe(false)
  const failed = trayMenu({ phase: 'failed', message: '', fix: '' }, [], undefined, actions())
  expect(find(failed, 'Resume engine').enabled).toBe(true)
  expect(find(failed, 'Run a container').enabled).toBe(false)
})
