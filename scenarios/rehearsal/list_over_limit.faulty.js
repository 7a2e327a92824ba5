export const meta = {
  name: 'add-headers',
  description: 'Adds a licence header to every source file that has none',
  phases: [{ title: 'Add' }],
}

const files = await baya.glob('src/**/*.ts')

phase('Add')
const answers = await parallel(files.map((file) => () =>
  agent(`Add the licence header to ${file} if it has none.`, { label: `header ${file}` })))
const open = files.filter((_, at) => answers[at] === null)
log(`${open.length} of ${files.length} files are open`)
return { done: files.length - open.length, open }
