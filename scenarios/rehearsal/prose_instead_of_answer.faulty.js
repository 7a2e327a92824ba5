export const meta = {
  name: 'migrate-calls',
  description: 'Finds callers of an old function and moves each to the new one',
  phases: [{ title: 'Find' }, { title: 'Move' }],
}

const CALLERS = {
  type: 'object',
  properties: { files: { type: 'array', items: { type: 'string' } } },
  required: ['files'],
  additionalProperties: false,
}
const MOVED = {
  type: 'object',
  properties: { moved: { type: 'integer' }, notes: { type: 'string' } },
  required: ['moved', 'notes'],
  additionalProperties: false,
}
const FILES_MAX = 20

phase('Find')
const callers = await agent('Which files call `getUser`?', { label: 'find', schema: CALLERS })
if (callers === null) throw new Error('nobody could look for callers')
const files = callers.files.slice(0, FILES_MAX)

const moved = await pipeline(
  files,
  (file) => agent(`Move every call of getUser in ${file} to fetchUser.`, {
    label: `move ${file}`,
    phase: 'Move',
    schema: MOVED,
  }),
  (answer, file) => ({ file, moved: answer.moved, notes: answer.notes.trim() }),
)
const open = files.filter((_, at) => moved[at] === null)
const last = moved[moved.length - 1]
const note = last.notes
log(`${moved.length - open.length} of ${files.length} files; the last one: ${note}`)
return { moved: moved.filter((entry) => entry !== null), open }
