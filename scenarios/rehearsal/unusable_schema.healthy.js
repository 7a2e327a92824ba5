export const meta = {
  name: 'find-todos',
  description: 'Finds forgotten work and says who should do it',
  phases: [{ title: 'Find' }],
}

const TODOS = {
  type: 'object',
  properties: {
    todos: {
      type: 'array',
      items: {
        type: 'object',
        properties: { file: { type: 'string' }, what: { type: 'string' } },
        required: ['file', 'what'],
        additionalProperties: false,
      },
    },
  },
  required: ['todos'],
  additionalProperties: false,
}
const folders = ['src', 'tests', 'scripts']

phase('Find')
const found = await parallel(folders.map((folder) => () =>
  agent(`List notes of forgotten work in ${folder}.`, { label: `find in ${folder}`, schema: TODOS })))
const unread = folders.filter((_, at) => found[at] === null)
const todos = found.filter((entry) => entry !== null).flatMap((entry) => entry.todos)
log(`${todos.length} notes; unread: ${unread.join(', ') || 'nothing'}`)
return { todos, unread }
