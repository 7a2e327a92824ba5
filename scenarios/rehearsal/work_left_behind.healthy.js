export const meta = {
  name: 'add-tests',
  description: 'Writes tests for modules that have none, each in a worktree',
  phases: [{ title: 'Write' }, { title: 'Land' }],
}

const modules = ['cart', 'coupon', 'shipping']

phase('Write')
const works = await parallel(modules.map((name) => () =>
  agent(`Write tests for the module ${name}; run them until they pass.`, {
    label: `tests for ${name}`,
    isolation: 'worktree',
    work: true,
  })))
const open = modules.filter((_, at) => works[at] === null)
if (open.length > 0) log(`no tests for ${open.join(', ')}`)

phase('Land')
const landing = await baya.land(works.filter((work) => work !== null), { check: 'npm test' })
return { landed: landing.landed, pieces: landing.pieces, open }
