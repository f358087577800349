import type { GuestContainer, Reply } from '../../machine/contract'
import { messageOf } from '../errors'
import type { Container } from './container'
import type { ContainersOptions } from './deps'
import type { Lifecycle } from './lifecycle'
import { rejoin } from './network'
import { SIGKILL } from './signals'
import { isLive } from './state'
import type { ContainerStore } from './store'

/** The exit code of a container whose end nobody saw: that of dockerd after a crash of its host. */
const lost = 255

/**
 * Holds our rows against what the agent knows: after a start of the engine (`first`), and when the link to the agent
 * was lost for a while. Afterwards every state is true, and policies and removals go on where they were left.
 */
export async function reconcile(
  options: ContainersOptions,
  store: ContainerStore,
  lifecycle: Lifecycle,
  { containers }: Reply<'hello'>,
  first: boolean,
): Promise<void> {
  const known = new Map(containers.map((container) => [container.id, container]))
  const note = (id: string) => (error: unknown) => options.log(`reconcile ${id.slice(0, 12)}: ${messageOf(error)}`)
  await Promise.all([
    ...store
      .all()
      .map((container) =>
        settle(options, lifecycle, container, known.get(container.id), first).catch(note(container.id)),
      ),
    ...containers.filter(({ id }) => !store.get(id)).map((stray) => sweep(options, stray).catch(note(stray.id))),
  ])
  if (first) for (const container of store.all()) void lifecycle.startByPolicy(container).catch(note(container.id))
}

async function settle(
  options: ContainersOptions,
  lifecycle: Lifecycle,
  container: Container,
  known: GuestContainer | undefined,
  first: boolean,
): Promise<void> {
  // A start or an exit may be on its way.
  await container.settled()
  const { state } = container
  if (isLive(state)) {
    if (known && known.status !== 'exited') {
      if (known.status !== state.status) lifecycle.become(container, { ...state, status: known.status })
      if (first) await rejoin(options, container)
      return
    }
    await lifecycle.exited(container, {
      exitCode: known?.exitCode ?? lost,
      oomKilled: known?.oomKilled ?? false,
      reason: known ? known.reason : 'nothing was left of it after a crash',
      at: known?.finishedAt ?? new Date().toISOString(),
    })
    return
  }
  // It was started, and the engine died before it could write so.
  if (known && known.status !== 'exited')
    await options.guest().call('container.signal', { id: known.id, signal: SIGKILL })
  // A removal that was cut short is finished, also when the agent alone was away.
  const half = state.status === 'removing' || state.status === 'dead'
  const left = first && state.status === 'exited' && container.settings.hostConfig.AutoRemove
  if (half || left) await lifecycle.finishRemoval(container)
}

/** A container that we have no row of: what a removal left that was cut short. */
async function sweep({ guest }: ContainersOptions, { id, status }: GuestContainer): Promise<void> {
  if (status !== 'exited') await guest().call('container.stop', { id, signal: SIGKILL, timeout: -1 })
  await guest().call('container.remove', { id })
}
