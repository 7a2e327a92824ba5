export const meta = {
  name: 'add-headers',
  description: 'Adds a licence header to every source file that has none',
  phases: [{ title: 'Add' }],
}

const files = await baya.glob('src/**/*.ts')
const AT_ONCE = 100
const FILES_MAX = 500
if (files.length > FILES_MAX) log(`${files.length - FILES_MAX} files are left for the next run`)

phase('Add')
const open = []
let done = 0
const todo = files.slice(0, FILES_MAX)
for (let at = 0; at < todo.length; at += AT_ONCE) {
  const part = todo.slice(at, at + AT_ONCE)
  const answers = await parallel(part.map((file) => () =>
    agent(`Add the licence header to ${file} if it has none.`, { label: `header ${file}` })))
  part.forEach((file, place) => (answers[place] === null ? open.push(file) : (done += 1)))
  log(`${done} done, ${open.length} open`)
}
return { done, open }
