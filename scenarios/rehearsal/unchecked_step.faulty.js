export const meta = {
  name: 'bump-dependencies',
  description: 'Updates dependencies, each in a worktree, and lands what passes the tests',
  phases: [{ title: 'Update' }, { title: 'Land' }],
}

const packages = ['serde', 'tokio', 'clap']

phase('Update')
const tests = await baya.exec('cargo test --quiet')
log(`tests before: ${tests.stdout.split('\n').length} lines`)
const changes = await parallel(packages.map((name) => () =>
  agent(`Update ${name} to its newest version and repair what breaks.`, {
    label: `update ${name}`,
    isolation: 'worktree',
    work: true,
  })))
const open = packages.filter((_, at) => changes[at] === null)
if (open.length > 0) log(`not updated: ${open.join(', ')}`)

phase('Land')
const landed = await baya.land(changes.filter((change) => change !== null), { check: 'cargo test --quiet' })
return { landed: landed.landed, pieces: landed.pieces, branch: landed.branch, open }
