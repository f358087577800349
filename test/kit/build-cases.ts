import type { BuildInput } from './builds'
import { tar } from './images'

/** A Dockerfile, its context, and what must come of it. */
export interface BuildCase extends BuildInput {
  name: string
  /** What the steps print, exactly. */
  prints?: string
  /** Texts that the whole stream holds, in this order. */
  tells?: string[]
  /** What the image's configuration must have. */
  config?: Record<string, unknown>
  /** `CreatedBy` of the newest steps, newest first; a pattern where it holds a digest. */
  history?: (string | RegExp)[]
  /** The failure's text, or its beginning. */
  fails?: string
  code?: number
  /** Only where the request itself is refused. */
  status?: number
  /** BuildKit's language, which the classic dockerd does not have. */
  newer?: boolean
}

const tree = { 'a.txt': 'a\n', 'b.txt': 'b\n', 'sub/c.txt': 'c\n', 'sub/deep/d.txt': 'd\n' }
const X = 'FROM busybox\n'
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const archive = await tar([
  { header: { name: 'in/x', size: 2, uid: 12, gid: 13, type: 'file' }, body: Buffer.from('x\n') },
])

export const buildCases: BuildCase[] = [
  {
    name: 'words of every step',
    dockerfile: `${X}RUN echo hi\nRUN echo err >&2\nLABEL a=b\n`,
    tells: [
      'Step 1/4 : FROM busybox\n ---> ',
      'Step 2/4 : RUN echo hi\n ---> Running in ',
      'hi\n',
      '\u001b[91merr\n\u001b[0m',
      'Removing intermediate container ',
      ' ---> ',
      'Step 4/4 : LABEL a=b\n',
      'Successfully built ',
    ],
  },
  {
    name: 'variables in every form',
    dockerfile: `${X}ARG A=1\nENV B=\${A}2 C='$A' D="$A \\"x\\"" E=a\\ b F=\${NOPE:-d} G=\${B:+y} H=\\$A\nENV OLD form of it\nRUN echo $B,$C,$D,$E,$F,$G,$H,$OLD\n`,
    prints: '12,$A,1 "x",a b,d,,$A,form of it',
    config: { Env: [path, 'B=12', 'C=$A', 'D=1 "x"', 'E=a b', 'F=d', 'G=', 'H=$A', 'OLD=form of it'] },
  },
  {
    name: 'build arguments: default, given, overridden by ENV, not declared',
    dockerfile: `ARG TAG=latest\nFROM busybox:$TAG\nARG ONE=1\nARG TWO=2\nARG TAG\nENV THREE=env\nARG THREE=arg\nRUN echo $ONE $TWO $TAG $THREE $FOUR.\n`,
    query: { buildargs: { TWO: 'two', FOUR: '4', THREE: 'given' } },
    prints: '1 two latest env .\n[Warning] One or more build-args [FOUR] were not consumed',
    history: ['|3 ONE=1 TAG=latest TWO=two /bin/sh -c echo $ONE $TWO $TAG $THREE $FOUR.'],
  },
  {
    name: 'proxies need no ARG and leave no trace',
    dockerfile: `${X}RUN echo $HTTP_PROXY\n`,
    query: { buildargs: { HTTP_PROXY: 'http://proxy.test' } },
    prints: 'http://proxy.test',
    history: ['|0 /bin/sh -c echo $HTTP_PROXY'],
  },
  {
    name: 'the configuration of all instructions',
    dockerfile: `${X}MAINTAINER me\nEXPOSE 80 53/udp 90-91\nVOLUME /v /w\nUSER 3:4\nWORKDIR /a\nWORKDIR b\nSTOPSIGNAL SIGINT\nSHELL ["/bin/sh","-ec"]\nCMD x y\nENTRYPOINT ["e"]\nHEALTHCHECK --interval=3s --retries=2 CMD true\nONBUILD RUN x\nLABEL one=1 "two words"='2 2'\n`,
    query: { labels: { from: 'request' } },
    config: {
      ExposedPorts: { '53/udp': {}, '80/tcp': {}, '90/tcp': {}, '91/tcp': {} },
      Volumes: { '/v': {}, '/w': {} },
      User: '3:4',
      WorkingDir: '/a/b',
      StopSignal: 'SIGINT',
      Shell: ['/bin/sh', '-ec'],
      Cmd: ['/bin/sh', '-ec', 'x y'],
      Entrypoint: ['e'],
      Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 3e9, Retries: 2 },
      OnBuild: ['RUN x'],
      Labels: { one: '1', 'two words': '2 2', from: 'request' },
    },
    history: [
      '/bin/sh -ec #(nop)  LABEL from=request',
      '/bin/sh -ec #(nop)  LABEL one=1 two words=2 2',
      '/bin/sh -ec #(nop)  ONBUILD RUN x',
      `/bin/sh -ec #(nop)  HEALTHCHECK &{["CMD-SHELL" "true"] "3s" "0s" "0s" '\\x02'}`,
      '/bin/sh -ec #(nop)  ENTRYPOINT ["e"]',
      '/bin/sh -ec #(nop)  CMD ["/bin/sh" "-ec" "x y"]',
      '/bin/sh -ec #(nop)  SHELL [/bin/sh -ec]',
      '/bin/sh -c #(nop)  STOPSIGNAL SIGINT',
      '/bin/sh -c #(nop) WORKDIR /a/b',
      '/bin/sh -c #(nop) WORKDIR /a',
      '/bin/sh -c #(nop)  USER 3:4',
      '/bin/sh -c #(nop)  VOLUME [/v /w]',
      '/bin/sh -c #(nop)  EXPOSE 53/udp 80 90-91',
      '/bin/sh -c #(nop)  MAINTAINER me',
    ],
  },
  {
    name: 'an ENTRYPOINT takes the inherited CMD away, and none of its own',
    dockerfile: `${X}CMD mine\nFROM busybox AS two\nENTRYPOINT ["e"]\n`,
    config: { Cmd: null, Entrypoint: ['e'] },
  },
  {
    name: 'COPY: files, folders, patterns, names',
    dockerfile: `${X}COPY . /all/\nCOPY a.txt /one\nCOPY a.txt b.txt /two/\nCOPY sub /three\nCOPY *.txt /four/\nCOPY ["a.txt", "/with space/"]\nWORKDIR /w\nCOPY a.txt rel\nCOPY sub/deep .\nRUN cd / && find all one two three four "with space" w -type f | sort | while read f; do stat -c '%n %a %u:%g' "$f"; done\n`,
    files: tree,
    prints: `all/Dockerfile 644 0:0\nall/a.txt 644 0:0\nall/b.txt 644 0:0\nall/sub/c.txt 644 0:0\nall/sub/deep/d.txt 644 0:0\nfour/a.txt 644 0:0\nfour/b.txt 644 0:0\none 644 0:0\nthree/c.txt 644 0:0\nthree/deep/d.txt 644 0:0\ntwo/a.txt 644 0:0\ntwo/b.txt 644 0:0\nw/d.txt 644 0:0\nw/rel 644 0:0\nwith space/a.txt 644 0:0`,
    history: [
      /./,
      /^\/bin\/sh -c #\(nop\) COPY dir:[0-9a-f]{64} in \. $/,
      /COPY file:[0-9a-f]{64} in rel $/,
      '/bin/sh -c #(nop) WORKDIR /w',
      /COPY file:[0-9a-f]{64} in \/with space\/ $/,
      /COPY multi:[0-9a-f]{64} in \/four\/ $/,
    ],
  },
  {
    name: 'COPY: onto folders, through links, over files',
    dockerfile: `${X}RUN mkdir -p /real && ln -s /real /link && ln -s real/x /file && echo old > /real/x && touch /plain\nCOPY a.txt /link\nCOPY a.txt /file\nCOPY b.txt /plain\nCOPY sub /link\nRUN cd /real && ls && cat x /plain && ls -l / | grep -c -e '-> '\n`,
    files: tree,
    prints: 'a.txt\nc.txt\ndeep\nx\na\nb\n2',
  },
  {
    name: 'COPY: owner and mode of what is made and what is copied',
    dockerfile: `${X}RUN echo 'u:x:44:45::/:/bin/sh' >> /etc/passwd; echo 'u:x:46:' >> /etc/group\nCOPY --chown=u a.txt /new/deep/\nCOPY --chown=u:7 sub /s\nCOPY --chown=8:9 a.txt /n\nRUN stat -c '%n %u:%g' /new /new/deep /new/deep/a.txt /s /s/c.txt /s/deep /n\n`,
    files: tree,
    prints: '/new 44:46\n/new/deep 44:46\n/new/deep/a.txt 44:46\n/s 44:7\n/s/c.txt 44:7\n/s/deep 44:7\n/n 8:9',
  },
  {
    name: 'COPY: links and modes of a context',
    dockerfile: `${X}COPY . /x/\nCOPY link /y\nRUN cd /x && readlink link && readlink dirlink && stat -c '%n %a' run private && ls dirlink/ && cat /y\n`,
    files: {
      run: { mode: 0o755, type: 'file' },
      'private/': { mode: 0o700, type: 'directory' },
      'sub/f': 'f\n',
      link: { type: 'symlink', linkname: 'sub/f' },
      dirlink: { type: 'symlink', linkname: 'sub' },
    },
    prints: 'sub/f\nsub\nrun 755\nprivate 700\nf\nf',
  },
  {
    name: 'COPY --from a stage by name, by number, and an image',
    dockerfile: `FROM busybox AS One\nRUN mkdir /q && echo 1 > /q/1 && ln -s 1 /q/l && chown -R 33:33 /q\nFROM busybox\nCOPY --from=one /q /byname\nCOPY --from=0 /q/l /bynumber\nCOPY --from=busybox /bin/busybox /image\nCOPY --from=one --chown=5 /q/* /chowned/\nRUN stat -c '%n %u' /byname /byname/1 /bynumber /chowned/1; readlink /byname/l; test -x /image && echo x\n`,
    prints: '/byname 0\n/byname/1 33\n/bynumber 33\n/chowned/1 5\n1\nx',
  },
  {
    name: 'ADD unpacks a local tar, and leaves one in a folder alone',
    dockerfile: `${X}ADD t.tar /t/\nADD d /d\nADD a.txt /a\nRUN cat /t/in/x; ls /d; cat /a; stat -c %u /t/in/x\n`,
    files: { 'a.txt': 'a\n', 't.tar': archive, 'd/t.tar': archive },
    prints: 'x\nt.tar\na\n12',
  },
  {
    name: 'scratch',
    dockerfile:
      'FROM busybox AS b\nFROM scratch\nCOPY --from=b /bin /bin\nRUN ["/bin/busybox", "echo", "from scratch"]\n',
    prints: 'from scratch',
    config: { Cmd: null },
  },
  { name: 'scratch alone', dockerfile: 'FROM scratch\n', fails: 'No image was generated. Is your Dockerfile empty?' },
  {
    name: 'stages on stages, and a target',
    dockerfile: `FROM busybox AS a\nENV X=1\nRUN echo a > /f\nFROM a AS b\nRUN cat /f; echo $X\nFROM b AS c\nRUN false\n`,
    query: { target: 'B' },
    prints: 'a\n1',
    tells: ['Step 5/5 : RUN cat /f'],
  },
  {
    name: 'RUN in its forms',
    dockerfile: `${X}RUN ["echo", "$HOME", "a b"]\nSHELL ["/bin/sh", "-xc"]\nRUN echo one \\\n  # no\n  two\nUSER 33\nWORKDIR /tmp\nRUN id -u; pwd\n`,
    tells: ['$HOME a b\n', 'one two\n', '33\n', '/tmp\n'],
  },
  {
    name: 'what a RUN removes stays removed',
    dockerfile: `${X}RUN mkdir -p /d/e && touch /d/e/f /g\nRUN rm -r /d/e /g\nRUN mkdir /d/e; ls -A /d/e; ls /g || echo gone\n`,
    tells: ['gone\n'],
  },
  {
    name: 'VOLUME: later changes are thrown away',
    dockerfile: `${X}RUN mkdir /v && echo 1 > /v/1\nVOLUME /v\nRUN echo 2 > /v/2\nRUN ls /v\n`,
    prints: '1',
  },
  {
    name: 'another escape character',
    dockerfile: '# escape=`\nFROM busybox\nENV A=`$x B=c:\\d\nRUN echo "$A" "$B" `\n  end\n',
    prints: '$x c:\\d end',
  },
  {
    name: 'limits, hosts and network of the request',
    dockerfile: `${X}RUN grep -c build.test /etc/hosts; ls /sys/class/net | xargs; df -m /dev/shm | tail -1 | xargs | cut -d' ' -f2\n`,
    query: { extrahosts: 'build.test:10.9.8.7', networkmode: 'none', shmsize: 8 * 1024 * 1024 },
    prints: '1\nlo\n8',
  },
  {
    name: 'a command that fails',
    dockerfile: `${X}RUN echo out; exit 7\n`,
    prints: 'out',
    fails: "The command '/bin/sh -c echo out; exit 7' returned a non-zero code: 7",
    code: 7,
  },
  {
    name: 'a command that fails, in the JSON form',
    dockerfile: `${X}RUN ["sh", "-c", "exit 3"]\n`,
    fails: "The command 'sh -c exit 3' returned a non-zero code: 3",
    code: 3,
  },
  {
    name: 'a source that is not there',
    dockerfile: `${X}COPY nosuch /\n`,
    fails:
      'COPY failed: file not found in build context or excluded by .dockerignore: stat nosuch: file does not exist',
  },
  {
    name: 'a pattern that matches nothing',
    dockerfile: `${X}COPY n* /\n`,
    fails: 'COPY failed: no source files were specified',
  },
  {
    name: 'a source outside of the context',
    dockerfile: `${X}COPY ../a /\n`,
    fails: 'COPY failed: forbidden path outside the build context: ../a ()',
  },
  {
    name: 'several sources without a folder',
    dockerfile: `${X}COPY a.txt b.txt /x\n`,
    files: tree,
    fails: 'When using COPY with more than one source file, the destination must be a directory and end with a /',
  },
  {
    name: 'a source that a stage has not',
    dockerfile: 'FROM busybox AS o\nFROM busybox\nCOPY --from=o /nosuch /\n',
    fails: 'COPY failed: stat nosuch: file does not exist',
  },
  {
    name: 'a stage that is not there',
    dockerfile: `${X}COPY --from=5 a /\n`,
    fails: 'invalid from flag value 5: index out of bounds',
  },
  {
    name: 'an owner that is not there',
    dockerfile: `${X}COPY --chown=nosuch a.txt /\n`,
    files: tree,
    fails:
      "unable to convert uid/gid chown string to host mapping: can't find uid for user nosuch: no such user: nosuch",
  },
  { name: 'a port that is none', dockerfile: `${X}EXPOSE abc\n`, fails: 'Invalid containerPort: abc' },
  { name: 'a signal that is none', dockerfile: `${X}STOPSIGNAL FOO\n`, fails: 'Invalid signal: FOO' },
  { name: 'a blank base', dockerfile: 'FROM $NO\n', fails: 'base name ($NO) should not be blank' },
  {
    name: 'a base that is no reference',
    dockerfile: 'FROM Busybox\n',
    fails: 'invalid reference format: repository name',
  },
  {
    name: 'an unknown instruction',
    dockerfile: `${X}RUUN x\n`,
    status: 400,
    fails: 'dockerfile parse error line 2: unknown instruction: RUUN',
  },
  {
    name: 'an unknown flag',
    dockerfile: `${X}COPY --foo=1 a /\n`,
    status: 400,
    fails: 'dockerfile parse error line 2: Unknown flag: foo',
  },
  { name: 'no base', dockerfile: 'RUN x\n', status: 400, fails: 'no build stage in current context' },
  { name: 'an empty Dockerfile', dockerfile: '', status: 400, fails: 'the Dockerfile (Dockerfile) cannot be empty' },
  { name: 'no Dockerfile', files: tree, status: 500, fails: 'Cannot locate specified Dockerfile: Dockerfile' },
  {
    name: 'a Dockerfile of another name',
    files: { 'sub/My.df': `${X}RUN echo mine\n` },
    query: { dockerfile: 'sub/My.df' },
    prints: 'mine',
  },
  {
    name: 'a target that is not there',
    dockerfile: X,
    query: { target: 'no' },
    status: 400,
    fails: 'failed to reach build target no in Dockerfile',
  },
  {
    name: 'documents of RUN and COPY',
    newer: true,
    dockerfile: `${X}ARG V=5\nRUN <<EOF\necho one $V\nEOF\nRUN cat <<A > /x && cat <<"B" >> /x\na $V\nA\nb $V\nB\nCOPY <<one.txt <<"two" /h/\nval $V\none.txt\nraw $V\ntwo\nRUN cat /x /h/one.txt /h/two\n`,
    prints: 'one 5\na 5\nb $V\nval 5\nraw $V',
  },
  {
    name: 'mounts of RUN',
    newer: true,
    dockerfile: `FROM busybox AS o\nRUN echo o > /o\nFROM busybox\nRUN --mount=target=/c,source=sub cat /c/c.txt\nRUN --mount=from=o,source=/o,target=/tmp/o cat /tmp/o\nRUN --mount=type=tmpfs,target=/t,size=1m df -m /t | tail -1 | xargs | cut -d' ' -f2\nRUN --mount=type=cache,id=build-cases,target=/root/.cache/x touch /root/.cache/x/f\nRUN --mount=type=cache,id=build-cases,target=/k ls /k\nRUN --mount=type=secret,id=s ls -A /c /t /k /root /tmp 2>/dev/null || echo nothing\n`,
    files: tree,
    prints: 'c\no\n1\nf\n/root:\n\n/tmp:\nnothing'.replaceAll('\n\n', '\n'),
  },
  {
    name: '--chmod, --parents and --exclude',
    newer: true,
    dockerfile: `${X}COPY --chmod=640 a.txt /a\nCOPY --parents sub/deep /p/\nCOPY --exclude=*.txt . /e/\nRUN stat -c %a /a; ls /p/sub/deep /e\n`,
    files: { ...tree, keep: '' },
    prints: '640\n/e:\nDockerfile\nkeep\nsub\n/p/sub/deep:\nd.txt',
  },
  {
    name: 'a secret that is required',
    newer: true,
    dockerfile: `${X}RUN --mount=type=secret,id=s,required=true true\n`,
    fails: 'secret s: not found',
  },
  {
    name: 'the line and a caret',
    newer: true,
    dockerfile: `${X}\nENV A=1 B\n`,
    status: 400,
    fails:
      'dockerfile parse error line 3: Syntax error - can\'t find = in "B". Must be of the form: name=value\n  3 | ENV A=1 B\n    |         ^',
  },
]
