// A migration in small: every caller of an old function moves to the new one, each file by an agent in a git
// worktree of its own, each change under the eyes of an agent that tries to refute it. What holds is landed on a
// branch of the run, under a check; your checkout is not touched.
//
//   sh examples/migrate.sh shop                                  a repository to try it on
//   cd shop && baya run migrate.js --backend stand-in --trust    without a key: its agents are agent.sh
export const meta = {
  name: 'migrate',
  description: 'Moves every caller of a function to another one, file by file, reviewed and landed under a check',
  phases: ['Find', 'Change', 'Review', 'Land'],
  args: {
    type: 'object',
    properties: {
      from: { type: 'string', pattern: '^\\w+$' },
      to: { type: 'string', pattern: '^\\w+$' },
      check: { type: 'string', description: 'a command that must succeed on the merged tree' },
    },
  },
}

const TRIES = 2
const { from = 'cents', to = 'to_cents', check = 'sh check.sh' } = args ?? {}
const VERDICT = {
  type: 'object',
  properties: { holds: { type: 'boolean' }, reason: { type: 'string' } },
  required: ['holds', 'reason'],
}

phase('Find')
const found = await baya.exec(`git grep -l -w -e '${from}' -- src`)
const files = found.stdout.split('\n').filter((line) => line !== '')
log(`${files.length} files use ${from}`)

async function migrate(file) {
  let reason = ''
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const before = reason === '' ? '' : `\nAn earlier change was refuted: ${reason}`
    const change = await agent(`Change ${from} to ${to} in ${file}, and nothing else.${before}`, {
      label: file, phase: 'Change', isolation: 'worktree', work: true,
    })
    if (change === null) return { file, state: 'the agent failed' }
    const verdict = await agent(
      `Refute that this change moves every use of ${from} in ${file} to ${to}, and does nothing else:\n` +
        change.work.patch,
      { label: `review ${file}`, phase: 'Review', schema: VERDICT },
    )
    if (verdict?.holds) return { file, change, tries: attempt }
    reason = verdict?.reason ?? 'the reviewer failed'
    log(`${file} refuted: ${reason}`)
  }
  return { file, state: `refuted: ${reason}` }
}

const done = (await parallel(files.map((file) => () => migrate(file)))).filter((piece) => piece !== null)

phase('Land')
const landed = await baya.land(done.filter((piece) => piece.change).map((piece) => piece.change), { check })
const fates = new Map(landed.pieces.map((piece) => [piece.agent, piece.words]))
return {
  branch: landed.branch,
  landed: landed.landed,
  pieces: done.map(({ file, change, tries, state }) => ({
    file, tries, state: change ? fates.get(change.work.agent) ?? 'nothing was changed' : state,
  })),
}
