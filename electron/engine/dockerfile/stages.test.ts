import { describe, expect, it } from 'vitest'
import { parseDockerfile, stagesUpTo } from './stages'

const parse = (text: string) => parseDockerfile(text, 'Dockerfile')
const bodies = (text: string) => parse(`FROM x\n${text}`).stages[0]!.instructions

describe('parseDockerfile', () => {
  it('reads stages, and the arguments before them', () => {
    const { globals, stages } = parse('ARG A=1 B\nFROM --platform=linux/386 $A AS One\nRUN x\nfrom two\nCMD y\n')
    expect(globals).toMatchObject([
      {
        args: [
          ['A', '1'],
          ['B', undefined],
        ],
      },
    ])
    expect(stages).toMatchObject([
      { base: '$A', platform: 'linux/386', name: 'one', instructions: [{ kind: 'RUN' }] },
      { base: 'two', name: '', instructions: [{ kind: 'CMD' }] },
    ])
  })

  it('joins lines, leaves comments out and keeps the text as it was', () => {
    const [run] = bodies('RUN a \\\n  # no\n  && b \\\n#no\n  c\n# RUN d\n')
    expect(run!.original).toBe('RUN a   && b   c')
  })

  it('warns of an empty line in a continued instruction', () => {
    const { warnings } = parse('FROM x\nRUN a \\\n\n b\n')
    expect(warnings[0]).toBe('[WARNING]: Empty continuation line found in:\n    RUN a  b')
    expect(parse('FROM x\nRUN a \\\n').warnings).toEqual([])
  })

  it('takes another escape character', () => {
    const { stages, escape } = parse('# escape=`\nFROM x\nRUN a `\n c:\\\nRUN b\n')
    expect(escape).toBe('`')
    expect(stages[0]!.instructions.map(({ original }) => original)).toEqual(['RUN a  c:\\', 'RUN b'])
  })

  it('keeps an escape that is escaped at the end of a line', () => {
    expect(bodies('RUN a \\\\\nRUN b').map(({ original }) => original)).toEqual(['RUN a \\\\', 'RUN b'])
  })

  it.each([
    ['RUN a b', { kind: 'RUN', command: { shell: true, words: ['a b'] } }],
    ['RUN ["a", "b c"]', { command: { shell: false, words: ['a', 'b c'] } }],
    ["RUN ['a']", { command: { shell: true, words: ["['a']"] } }],
    ['RUN ["a]", "b"] # x', { command: { shell: false, words: ['a]', 'b'] } }],
    [
      'ENV A=1 B="x y" C=\\ z',
      {
        pairs: [
          ['A', '1'],
          ['B', '"x y"'],
          ['C', '\\ z'],
        ],
      },
    ],
    ['ENV A some  words', { pairs: [['A', 'some  words']] }],
    ['COPY --from=0 --chown=1:2 --link a b /c/', { from: '0', chown: '1:2', sources: ['a', 'b'], destination: '/c/' }],
    ['COPY ["a b", "/c d/"]', { sources: ['a b'], destination: '/c d/' }],
    ['EXPOSE 80 53/udp', { words: ['80', '53/udp'] }],
    ['VOLUME ["/a", "/b"]', { words: ['/a', '/b'] }],
    ['SHELL ["/bin/sh", "-ec"]', { words: ['/bin/sh', '-ec'] }],
    ['ONBUILD COPY . /x', { trigger: 'COPY . /x' }],
    ['HEALTHCHECK NONE', { check: { Test: ['NONE'] } }],
    [
      'HEALTHCHECK --interval=1m30s --retries=3 CMD ["a"]',
      { check: { Test: ['CMD', 'a'], Interval: 90e9, Retries: 3 } },
    ],
    [
      'RUN --mount=type=cache,target=/c,ro --network=none x',
      { network: 'none', mounts: [{ type: 'cache', target: '/c', readOnly: true }] },
    ],
  ])('%s', (line, expected) => {
    expect(bodies(line)).toMatchObject([expected])
  })

  it.each([
    ['RUN <<EOF\necho a\n# b\nEOF\nRUN c', [{ name: 'EOF', content: 'echo a\n# b\n', expand: true }]],
    ['RUN cat <<-"E" > /x\n\tone\n\t\ttwo\n\tE\nRUN c', [{ name: 'E', content: 'one\ntwo\n', expand: false }]],
    ['COPY <<a <<b /x/\n1\na\n2\nb\nRUN c', [{ content: '1\n' }, { content: '2\n' }]],
    ['RUN echo "<<EOF"\nRUN c', []],
  ])('documents of %j', (text, expected) => {
    const instructions = bodies(text)
    expect(instructions).toHaveLength(2)
    expect(instructions[0]!.heredocs).toMatchObject(expected)
  })

  it.each([
    ['FROM x\nRUUN y', 'dockerfile parse error line 2: unknown instruction: RUUN\n  2 | RUUN y\n    | ^^^^'],
    ['FROM x\nENV A=1 B', 'Syntax error - can\'t find = in "B". Must be of the form: name=value\n  2 | ENV A=1 B\n'],
    ['FROM x\n\nENV A', 'line 3: ENV must have two arguments'],
    ['FROM x\nCOPY a', 'COPY requires at least two arguments, but only one was provided. Destination could not be'],
    ['FROM x\nCOPY --foo=1 a b', 'Unknown flag: foo'],
    ['FROM x\nCOPY --chown a b', 'Missing a value on flag: chown'],
    ['FROM x\nCOPY --from=a --from=b a b', 'Duplicate flag specified: from'],
    ['FROM x\nCMD [1]', 'when using JSON array syntax, arrays must be comprised of strings only'],
    ['FROM x\nUSER', 'USER requires exactly one argument'],
    ['FROM x\nSHELL x', 'SHELL requires the arguments to be in JSON form'],
    ['FROM', 'FROM requires either one or three arguments'],
    ['FROM a as 1x', 'invalid name for build stage: "1x", name can\'t start with a number or contain symbols'],
    ['FROM x\nONBUILD FROM y', "FROM isn't allowed as an ONBUILD trigger"],
    ['FROM x\nONBUILD ONBUILD RUN y', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
    ['FROM x\nHEALTHCHECK FOO', 'Unknown type "FOO" in HEALTHCHECK (try CMD)'],
    ['FROM x\nHEALTHCHECK --interval=1 CMD x', 'time: missing unit in duration "1"'],
    ['FROM x\nRUN <<EOF\nx', 'unterminated heredoc'],
    ['# escape=x\nFROM y', "invalid escape token 'x' does not match ` or \\"],
    ['RUN x', 'no build stage in current context'],
    ['ARG x', 'no build stage in current context'],
    ['# nothing', 'failed to parse Dockerfile: file with no instructions'],
    ['', 'the Dockerfile (Dockerfile) cannot be empty'],
  ])('refuses %j', (text, message) => {
    expect(() => parse(text)).toThrow(message)
  })
})

describe('stagesUpTo', () => {
  const { stages } = parse('FROM a AS one\nFROM b\nFROM c AS three')
  it.each([
    ['', 3],
    ['one', 1],
    ['ONE', 1],
    ['1', 2],
    ['three', 3],
  ])('%s', (target, count) => {
    expect(stagesUpTo(stages, target)).toHaveLength(count)
  })
  it('refuses what is not there', () => {
    expect(() => stagesUpTo(stages, 'four')).toThrow('failed to reach build target four in Dockerfile')
  })
})
