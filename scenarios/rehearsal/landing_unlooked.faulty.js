export const meta = {
  name: 'split-modules',
  description: 'Splits large modules, each in a worktree of its own, and lands the changes',
  phases: [{ title: 'Split' }, { title: 'Land' }],
}

const modules = ['server.js', 'billing.js']

phase('Split')
const changes = await parallel(modules.map((name) => () =>
  agent(`Split ${name} into modules of one purpose each. Behaviour stays.`, {
    label: `split ${name}`,
    isolation: 'worktree',
    work: true,
  })))
const done = changes.filter((change) => change !== null)
log(`${done.length} of ${modules.length} modules were split`)
if (done.length === 0) return { landed: 0, of: modules.length }

phase('Land')
await baya.land(done, { check: 'npm test' })
return { landed: done.length, of: modules.length }
