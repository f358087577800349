import { describe, expect, test } from 'vitest'
import contract from '../../../resources/guest/contract.json'
import { ops, type GuestContainer } from '../../machine/contract'
import { GuestError } from '../../machine/link'
import { openDatabase } from '../store/database'
import { endOf } from './state'
import { testBed } from './testing'

const hello = (containers: GuestContainer[]) => ({ ...ops.hello.reply.parse(contract.ops.hello.reply), containers })

describe('a run', () => {
  test('goes from created over running to exited, and tells those who wait', async () => {
    const { containers, create, exits, actions } = testBed()
    const container = await create()
    const ended = container.wait('next-exit')
    await containers.lifecycle.start(container)
    expect(container.state).toMatchObject({ status: 'running', pid: 7 })
    exits(container, 3)
    expect(await ended).toBe(3)
    expect(container.state).toMatchObject({ status: 'exited', exitCode: 3 })
    expect(await container.wait('not-running')).toBe(3)
    expect(actions).toEqual(['create', 'start', 'die'])
  })

  test('whose end is told before the start is answered still ends', async () => {
    const { containers, create, exits, guest, actions } = testBed()
    const container = await create()
    guest.before = (op) => op === 'container.start' && setImmediate(() => exits(container, 0))
    const ended = container.wait('next-exit')
    await containers.lifecycle.start(container)
    expect(await ended).toBe(0)
    expect(actions).toEqual(['create', 'start', 'die'])
  })

  test('with --rm is removed after it, and so is one that could not be started', async () => {
    const { containers, create, exits, guest, actions } = testBed()
    const container = await create({ HostConfig: { AutoRemove: true } }, 'web')
    const removed = container.wait('removed')
    await containers.lifecycle.start(container)
    exits(container, 4)
    expect(await removed).toBe(4)
    expect(() => containers.find('web')).toThrow('No such container: web')
    expect(actions).toEqual(['create', 'start', 'die', 'destroy'])
    guest.before = (op) => {
      if (op === 'container.start') throw new GuestError('internal', 'no')
    }
    await expect(containers.lifecycle.start(await create({ HostConfig: { AutoRemove: true } }))).rejects.toThrow('no')
    expect(containers.counts().total).toBe(0)
  })

  test.each([
    ['commandNotFound', 'nosuch', 127, 'exec: "nosuch": executable file not found in $PATH: unknown'],
    ['commandNotFound', '/no/such', 127, 'exec: "/no/such": stat /no/such: no such file or directory: unknown'],
    ['commandNotExecutable', '/etc', 126, 'exec: "/etc": permission denied: unknown'],
  ] as const)('that fails with %s for %s', async (kind, command, exitCode, message) => {
    const { containers, create, guest } = testBed()
    const container = await create({ Cmd: [command] })
    guest.before = (op) => {
      if (op === 'container.start') throw new GuestError(kind, 'in the words of the runtime')
    }
    await expect(containers.lifecycle.start(container)).rejects.toThrow(message)
    expect(container.state).toMatchObject({ status: 'created', exitCode, error: expect.stringContaining(message) })
  })

  test('by policy is started again, as often as it says', async () => {
    const { containers, create, exits } = testBed()
    const container = await create({ HostConfig: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 1 } } })
    await containers.lifecycle.start(container)
    const again = container.nextStart(AbortSignal.timeout(10_000))
    exits(container, 1)
    await again
    expect(container.restartCount).toBe(1)
    const ended = container.wait('next-exit')
    exits(container, 1)
    await ended
    expect(container.state.status).toBe('exited')
  })
})

describe('what is asked at the wrong time is refused', () => {
  test('of one that runs', async () => {
    const { containers, create } = testBed()
    const container = await create({}, 'web')
    await containers.lifecycle.start(container)
    await expect(containers.lifecycle.start(container)).rejects.toMatchObject({ kind: 'notModified' })
    const remove = containers.lifecycle.remove(container, { force: false, volumes: false })
    await expect(remove).rejects.toThrow(
      'cannot remove container "/web": container is running: stop the container before removing or force remove',
    )
    await expect(containers.lifecycle.unpause(container)).rejects.toThrow('is not paused')
    await expect(create({}, 'web')).rejects.toMatchObject({ kind: 'conflict' })
  })

  test('of one that does not', async () => {
    const { containers, create } = testBed()
    const container = await create()
    await expect(containers.lifecycle.stop(container, {})).rejects.toMatchObject({ kind: 'notModified' })
    await expect(containers.lifecycle.kill(container, 'KILL')).rejects.toThrow('is not running')
    await expect(containers.lifecycle.kill(container, 'NOSUCH')).rejects.toThrow('invalid signal: NOSUCH')
    await expect(containers.lifecycle.pause(container)).rejects.toThrow('is not running')
  })

  test('a bind where the machine does not see the folders of this computer', async () => {
    const { create } = testBed({ hostBinds: false })
    await expect(create({ HostConfig: { Binds: ['/srv:/srv'] } })).rejects.toThrow(
      'bind mounts of host folders are not available on the builtin machine yet',
    )
  })
})

test('rm -f kills what runs', async () => {
  const { containers, create, exits, guest } = testBed()
  const container = await create()
  await containers.lifecycle.start(container)
  guest.before = (op) => op === 'container.signal' && exits(container, 137)
  await containers.lifecycle.remove(container, { force: true, volumes: false })
  expect(guest.did('container.remove')).toBe(1)
  expect(containers.counts().total).toBe(0)
})

describe('after a restart of the engine', () => {
  test('every state is true again', async () => {
    const db = openDatabase(':memory:')
    const first = testBed({ db })
    const made = await Promise.all(['runs', 'ended', 'lost', 'left'].map((name) => first.create({}, name)))
    const temporary = await first.create({ HostConfig: { AutoRemove: true } }, 'temporary')
    for (const container of [...made, temporary]) await first.containers.lifecycle.start(container)
    const [runs, ended, , left] = made
    first.containers.lifecycle.become(left!, { ...endOf(left!.state), status: 'removing' })

    const { containers, guest } = testBed({ db })
    const startedAt = '2026-01-02T03:04:05Z'
    const finishedAt = '2026-01-02T04:00:00.5Z'
    const end = { status: 'exited' as const, pid: 0, startedAt, finishedAt, exitCode: 137, oomKilled: true }
    await containers.reconcile(
      hello([
        { id: runs!.id, status: 'paused', pid: 7, startedAt },
        { id: ended!.id, ...end },
        { id: temporary.id, ...end },
        { id: 'stray', ...end },
      ]),
      true,
    )
    expect(containers.find('runs').state).toMatchObject({ status: 'paused', pid: 7 })
    expect(containers.find('ended').state).toMatchObject({
      status: 'exited',
      exitCode: 137,
      oomKilled: true,
      finishedAt,
    })
    expect(containers.find('lost').state).toMatchObject({ status: 'exited', exitCode: 255 })
    expect(containers.store.all()).toHaveLength(3)
    const removed = guest.calls.filter(({ op }) => op === 'container.remove').map(({ request }) => request.id)
    expect(removed.sort()).toEqual([left!.id, temporary.id, 'stray'].sort())
  })

  test('policies start what is to run, and leave what was stopped by hand', async () => {
    const db = openDatabase(':memory:')
    const first = testBed({ db })
    const policy = { HostConfig: { RestartPolicy: { Name: 'unless-stopped' } } }
    const wanted = await first.create(policy, 'wanted')
    const stopped = await first.create(policy, 'stopped')
    for (const container of [wanted, stopped]) await first.containers.lifecycle.start(container)
    first.guest.before = (op) => op === 'container.stop' && first.exits(stopped, 0)
    await first.containers.lifecycle.stop(stopped, {})
    await first.containers.stop()
    first.exits(wanted, 0)
    await wanted.settled()

    const { containers } = testBed({ db })
    const started = containers.find('wanted').nextStart(AbortSignal.timeout(10_000))
    await containers.reconcile(hello([]), true)
    await started
    expect(containers.find('wanted').state.status).toBe('running')
    expect(containers.find('stopped').state.status).toBe('exited')
  })
})
