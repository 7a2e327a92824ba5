export const meta = {
  name: 'fan-out-synthesize',
  description: 'Splits a list over agents, asks again for what went missing, and joins the answers',
  phases: [{ title: 'Read' }, { title: 'Again' }, { title: 'Join' }],
}

const NOTES = {
  type: 'object',
  properties: {
    notes: {
      type: 'array',
      items: {
        type: 'object',
        properties: { id: { type: 'integer' }, note: { type: 'string' } },
        required: ['id', 'note'],
        additionalProperties: false,
      },
    },
  },
  required: ['notes'],
  additionalProperties: false,
}

const pages = Array.from({ length: 9 }, (_, at) => ({ id: at + 1, text: `page ${at + 1} of the minutes` }))
const chunksOf = (list, size) =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, at) => list.slice(at * size, (at + 1) * size))

const notes = new Map()
async function read(chunk, label) {
  const ids = chunk.map((page) => page.id)
  const text = chunk.map((page) => `[${page.id}] ${page.text}`).join('\n')
  const prompt = `Write one note for each of the pages ${ids.join(',')}:\n${text}`
  const answer = await agent(prompt, { label, schema: NOTES })
  for (const { id, note } of answer?.notes ?? []) {
    if (ids.includes(id)) {
      notes.set(id, note)
    }
  }
}

phase('Read')
await parallel(chunksOf(pages, 3).map((chunk, at) => () => read(chunk, `read ${at + 1}`)))

phase('Again')
const missing = pages.filter((page) => !notes.has(page.id))
log(`${missing.length} pages have no note yet`)
await parallel(chunksOf(missing, 2).map((chunk, at) => () => read(chunk, `again ${at + 1}`)))

phase('Join')
const list = pages.filter((page) => notes.has(page.id)).map((page) => `${page.id}: ${notes.get(page.id)}`)
const summary = await agent(`Join these notes into one paragraph:\n${list.join('\n')}`, { label: 'join' })
return { summary, noted: notes.size, of: pages.length, missing: pages.filter((page) => !notes.has(page.id)).length }
