import { EngineError, type ErrorKind } from '../errors'
import { ok, type Handler, type Route } from './http'

const refuse =
  (kind: ErrorKind, message: string): Handler =>
  () =>
    Promise.reject(new EngineError(kind, message))

const noManager = refuse(
  'unavailable',
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
)
const noSwarm = refuse('unsupported', 'Berth has no swarm mode')
const noSuchPlugin: Handler = ({ params }) =>
  Promise.reject(new EngineError('notFound', `plugin "${params.name}" not found`))
const noPlugins = refuse('unsupported', 'Berth takes no plugins')

const noCheckpoints = refuse(
  'unsupported',
  'This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.',
)

const swarmKinds = ['nodes', 'services', 'tasks', 'secrets', 'configs']

/** What Docker has and Berth has not (swarm, plugins, checkpoints): the answers of a dockerd that is in no swarm and has no plugin. */
export function absentRoutes(): Route[] {
  return [
    ['GET', '/swarm', noManager],
    ['GET', '/swarm/unlockkey', noManager],
    ['POST', '/swarm/update', noManager],
    ['POST', '/swarm/unlock', noManager],
    ['POST', '/swarm/init', noSwarm],
    ['POST', '/swarm/join', noSwarm],
    ['POST', '/swarm/leave', refuse('unavailable', 'This node is not part of a swarm')],
    ...swarmKinds.flatMap((kind): Route[] => [
      ['GET', `/${kind}`, noManager],
      ['GET', `/${kind}/{rest*}`, noManager],
      ['POST', `/${kind}/{rest*}`, noManager],
      ['DELETE', `/${kind}/{rest*}`, noManager],
    ]),
    ['GET', '/containers/{id}/checkpoints', noCheckpoints],
    ['POST', '/containers/{id}/checkpoints', noCheckpoints],
    ['DELETE', '/containers/{id}/checkpoints/{name}', noCheckpoints],
    ['PUT', '/volumes/{name}', noManager],
    ['GET', '/plugins', async () => ok([])],
    ['GET', '/plugins/privileges', noPlugins],
    ['POST', '/plugins/pull', noPlugins],
    ['POST', '/plugins/create', noPlugins],
    ['GET', '/plugins/{name*}/json', noSuchPlugin],
    ...['enable', 'disable', 'set', 'push', 'upgrade'].map((action): Route => {
      return ['POST', `/plugins/{name*}/${action}`, noSuchPlugin]
    }),
    ['DELETE', '/plugins/{name*}', noSuchPlugin],
  ]
}
