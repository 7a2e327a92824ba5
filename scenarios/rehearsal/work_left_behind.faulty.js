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
  })))
const open = modules.filter((_, at) => works[at] === null)
if (open.length > 0) log(`no tests for ${open.join(', ')}`)
return { written: modules.length - open.length, open }
