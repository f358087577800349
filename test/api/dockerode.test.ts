import { once } from 'node:events'
import { PassThrough, Readable, type Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import Dockerode from 'dockerode'
import { unpackTar } from 'modern-tar'
import { expect, it } from 'vitest'
import { tar } from '../kit/images'
import { fresh, onEachMachine } from '../kit/machines'

const image = 'busybox:latest'

onEachMachine(
  'dockerode',
  (engine) => {
    const client = () => new Dockerode({ socketPath: engine().socketPath })

    /** Runs `body` with a container that is removed afterwards, whatever its state. */
    async function having<T>(
      options: Dockerode.ContainerCreateOptions,
      body: (container: Dockerode.Container) => Promise<T>,
    ): Promise<T> {
      const container = await client().createContainer({ name: fresh('dockerode'), Image: image, ...options })
      try {
        return await body(container)
      } finally {
        await container.remove({ force: true, v: true })
      }
    }
    /** A stream of Docker's frames, as the text of stdout and of stderr. */
    function demuxed(docker: Dockerode, stream: NodeJS.ReadableStream) {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()]
      docker.modem.demuxStream(stream, stdout, stderr)
      stream.once('end', () => (stdout.end(), stderr.end()))
      return Promise.all([text(stdout), text(stderr)])
    }

    it('run: streams apart, exit code', async () => {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()]
      const printed = Promise.all([text(stdout), text(stderr)])
      const command = ['sh', '-c', 'echo out; echo err >&2; exit 3']
      const [{ StatusCode }, container] = await client().run(image, command, [stdout, stderr], { Tty: false })
      await container.remove()
      stdout.end()
      stderr.end()
      expect(StatusCode).toBe(3)
      expect(await printed).toEqual(['out\n', 'err\n'])
    })

    it('attach: stdin is half-closed, the output comes whole', async () => {
      await having(
        { Cmd: ['sh', '-c', 'wc -c; echo done >&2'], OpenStdin: true, StdinOnce: true },
        async (container) => {
          const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true })
          const printed = demuxed(client(), stream)
          await container.start()
          stream.end(Buffer.alloc(1_000_000, 'x'))
          expect(await printed).toEqual(['1000000\n', 'done\n'])
          expect((await container.wait()).StatusCode).toBe(0)
        },
      )
    })

    it('attach with a terminal: raw bytes, window size', async () => {
      await having({ Cmd: ['sh'], OpenStdin: true, Tty: true }, async (container) => {
        const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true })
        const printed = text(stream)
        await container.start()
        await container.resize({ h: 33, w: 77 })
        stream.write('stty size; exit 5\n')
        expect((await container.wait()).StatusCode).toBe(5)
        expect(await printed).toContain('33 77\r\n')
      })
    })

    it('logs: at once as a buffer, and followed to the end', async () => {
      await having({ Cmd: ['sh', '-c', 'echo a; echo b >&2; sleep 0.5; echo c'] }, async (container) => {
        await container.start()
        const following = await container.logs({ follow: true, stdout: true, stderr: true })
        expect(await demuxed(client(), following)).toEqual(['a\nc\n', 'b\n'])
        const whole = await container.logs({ follow: false, stdout: true, stderr: false, tail: 1 })
        // Eight bytes of header for each message.
        expect(whole.subarray(8).toString()).toBe('c\n')
      })
    })

    it('exec: with a terminal, with stdin, detached', async () => {
      await having({ Cmd: ['sleep', '1000'] }, async (container) => {
        await container.start()
        const tty = await container.exec({
          Cmd: ['sh'],
          AttachStdin: true,
          AttachStdout: true,
          Tty: true,
          Env: ['A=b'],
        })
        const terminal = await tty.start({ hijack: true, stdin: true, Tty: true })
        const seen = text(terminal)
        await tty.resize({ h: 20, w: 60 })
        terminal.write('stty size; echo "<$A>"; exit 4\n')
        expect(await seen).toMatch(/20 60\r\n[^]*<b>\r\n/)
        expect(await tty.inspect()).toMatchObject({ Running: false, ExitCode: 4, ProcessConfig: { tty: true } })

        const piped = await container.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true, AttachStderr: true })
        const pipe: Duplex = await piped.start({ hijack: true, stdin: true })
        const copied = demuxed(client(), pipe)
        pipe.end('through')
        expect(await copied).toEqual(['through', ''])

        const detached = await container.exec({ Cmd: ['touch', '/touched'] })
        await detached.start({ Detach: true })
        while ((await detached.inspect()).Running) await new Promise((resolve) => setTimeout(resolve, 50))
        expect((await detached.inspect()).ExitCode).toBe(0)
        expect(await container.changes()).toContainEqual({ Path: '/touched', Kind: 1 })
      })
    })

    it('archives go in and out', async () => {
      await having({ Cmd: ['cat', '/tmp/in/file'] }, async (container) => {
        await container.putArchive(await tar([['in/file', 'content']]), { path: '/tmp' })
        const stat = await container.infoArchive({ path: '/tmp/in/file' })
        const header = (stat as unknown as { headers: Record<string, string> }).headers['x-docker-container-path-stat']!
        expect(JSON.parse(Buffer.from(header, 'base64').toString())).toMatchObject({ name: 'file', size: 7 })
        const out = (await container.getArchive({ path: '/tmp/in' })) as Readable
        const entries = await unpackTar(Buffer.concat(await out.toArray()))
        expect(entries.map(({ header: { name } }) => name)).toEqual(['in/', 'in/file'])
        await expect(container.getArchive({ path: '/no/such' })).rejects.toMatchObject({ statusCode: 404 })
      })
    })

    it('events tell a container’s life in order', async () => {
      const docker = client()
      const name = fresh('eventful')
      const stream = (await docker.getEvents({ filters: { container: [name] } })) as Readable
      const seen: string[] = []
      const destroyed = new Promise<void>((resolve) => {
        let left = ''
        stream.on('data', (chunk: Buffer) => {
          const lines = (left + chunk.toString()).split('\n')
          left = lines.pop()!
          for (const line of lines) {
            const { Type, Action, Actor } = JSON.parse(line)
            expect(Type).toBe('container')
            expect(Actor.Attributes).toMatchObject({ image, name })
            seen.push(Action === 'die' ? `die ${Actor.Attributes.exitCode}` : Action)
            if (Action === 'destroy') resolve()
          }
        })
      })
      await having({ name, Cmd: ['sh', '-c', 'exit 6'] }, async (container) => {
        await container.start()
        await container.wait()
      })
      await destroyed
      stream.destroy()
      expect(seen).toEqual(['create', 'start', 'die 6', 'destroy'])
    })

    it('wait for the next exit and for the removal, stats as they come, pause, top, rename, update', async () => {
    const script = 'trap "exit 9" TERM; while :; do sleep 0.1; done'
    await having({ Cmd: ['sh', '-c', script] }, async (container) => {
      const next = container.wait({ condition: 'next-exit' })
      await container.start()
      const stats = (await container.stats({ stream: true })) as Readable
      const [first] = (await once(stats, 'data')) as [Buffer]
      stats.destroy()
      expect(JSON.parse(first.toString())).toMatchObject({ id: container.id, pids_stats: { current: expect.any(Number) } })
      await container.pause()
      expect((await container.inspect()).State).toMatchObject({ Status: 'paused', Running: true, Paused: true })
      await container.unpause()
      expect((await container.top()).Processes.length).toBeGreaterThan(0)
      const name = fresh('renamed')
      await container.rename({ name })
      await container.update({ Memory: 64 * 2 ** 20, MemorySwap: 128 * 2 ** 20 })
      expect(await container.inspect()).toMatchObject({ Name: `/${name}`, HostConfig: { Memory: 64 * 2 ** 20 } })
      await container.kill({ signal: 'SIGTERM' })
      expect((await next).StatusCode).toBe(9)
    })
    const vanishing = await client().createContainer({ Image: image, Cmd: ['true'], HostConfig: { AutoRemove: true } })
    const removed = vanishing.wait({ condition: 'removed' })
    await vanishing.start()
    expect((await removed).StatusCode).toBe(0)
    await expect(vanishing.inspect()).rejects.toMatchObject({ statusCode: 404, reason: 'no such container' })
  }) // prettier-ignore

    it('images: list, save, load, tag, history, remove', async () => {
      const docker = client()
      const name = fresh('dockerode-image')
      await docker.getImage(image).tag({ repo: name, tag: 'v1' })
      const listed = await docker.listImages({ filters: { reference: [`${name}:*`] } })
      expect(listed.map(({ RepoTags }) => RepoTags)).toEqual([expect.arrayContaining([`${name}:v1`])])
      const saved = Buffer.concat(await ((await docker.getImage(`${name}:v1`).get()) as Readable).toArray())
      await docker.getImage(`${name}:v1`).remove()
      const loading = await docker.loadImage(Readable.from([saved]))
      const messages: { stream?: string }[] = await new Promise((resolve, reject) =>
        docker.modem.followProgress(loading, (error, done) => (error ? reject(error) : resolve(done))),
      )
      expect(messages.map(({ stream }) => stream).join('')).toContain(`Loaded image: ${name}:v1`)
      expect(await docker.getImage(`${name}:v1`).history()).toEqual(await docker.getImage(image).history())
      expect(await docker.getImage(`${name}:v1`).remove()).toEqual([{ Untagged: `${name}:v1` }])
    })

    it('builds from a tar, with its messages', async () => {
      const docker = client()
      const name = fresh('dockerode-build')
      const context = await tar([['Dockerfile', `FROM ${image}\nCOPY file /\nRUN cat /file\nCMD ["cat", "/file"]\n`], ['file', 'built\n']]) // prettier-ignore
      const building = await docker.buildImage(Readable.from([context]), { t: name })
      const messages: { stream?: string }[] = await new Promise((resolve, reject) =>
        docker.modem.followProgress(building, (error, done) => (error ? reject(error) : resolve(done))),
      )
      const printed = messages.map(({ stream }) => stream ?? '').join('')
      expect(printed).toContain('Step 4/4 : CMD ["cat", "/file"]')
      expect(printed).toContain('built\n')
      expect(printed).toContain(`Successfully tagged ${name}:latest`)
      const { Config } = await docker.getImage(name).inspect()
      expect(Config.Cmd).toEqual(['cat', '/file'])
      await docker.getImage(name).remove()
    })

    it('volumes and networks: create, inspect, list, remove, prune', async () => {
    const docker = client()
    const [volumeName, networkName] = [fresh('dockerode-volume'), fresh('dockerode-network')]
    const labels = { [volumeName]: 'yes' }
    await docker.createVolume({ Name: volumeName, Labels: labels })
    expect(await docker.getVolume(volumeName).inspect()).toMatchObject({ Name: volumeName, Driver: 'local', Labels: labels })
    const { Volumes } = await docker.listVolumes({ filters: { label: [volumeName] } })
    expect(Volumes.map(({ Name }) => Name)).toEqual([volumeName])
    await docker.getVolume(volumeName).remove()
    const network = await docker.createNetwork({ Name: networkName, CheckDuplicate: true, Labels: labels })
    await having({ Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: networkName } }, async (container) => {
      await container.start()
      expect(Object.keys((await network.inspect()).Containers!)).toEqual([container.id])
      await expect(network.remove()).rejects.toMatchObject({ statusCode: 403 })
      await network.disconnect({ Container: container.id })
      expect((await network.inspect()).Containers).toEqual({})
    })
    expect(await docker.pruneNetworks({ filters: { label: [volumeName] } })).toMatchObject({ NetworksDeleted: [networkName] })
  }) // prettier-ignore
  },
  ['native', 'peer'],
)
