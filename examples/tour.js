// A tour of all that a workflow script can say, on a small question. No key is needed:
//
//     baya run examples/tour.js --backend simulated
//
// Words after the file's name replace the topic. With a real model the answers make sense, too.
export const meta = {
  name: 'tour',
  description: 'Shows every primitive of a workflow script on one small question',
  whenToUse: 'To see how a workflow script is written, or whether all works here',
  phases: [
    { title: 'Ask', detail: 'one agent without a schema, one with' },
    { title: 'Gather', detail: 'parallel: all start, all are awaited' },
    { title: 'Refine', detail: 'pipeline: each item goes on as soon as it can' },
    { title: 'Decide', detail: 'a child workflow ranks what is left' },
  ],
}

// `meta` above is data, read before anything runs. From here on this is the body of an async function:
// `await` and `return` work at the top, and what it returns is the result of the run.

// `args` is what the caller gave: a value, the words of the command line as one string, or nothing.
const topic = (typeof args === 'string' ? args : args?.topic) || 'how a small town can keep its streets cool in summer'

// A schema is plain JSON Schema with an object at its root.
const ASPECTS = {
  type: 'object',
  properties: { aspects: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 2, maxItems: 5 } },
  required: ['aspects'],
  additionalProperties: false,
}
const CHECK = {
  type: 'object',
  properties: { sound: { type: 'boolean' }, doubt: { type: 'string' } },
  required: ['sound', 'doubt'],
  additionalProperties: false,
}

// `phase` names the group in which the agents after it are shown.
phase('Ask')

// An agent starts with a clean context: it sees its prompt and nothing else. Without a schema it resolves to
// its last message. `null` means that there is none, and the run's log says why.
const hard = await agent(`Say in one sentence what is hard about this: ${topic}.`, {
  label: 'hard part',
  effort: 'low',
})

// With a schema it resolves to an object that was checked against it.
const plan = await agent(
  `Name three aspects of this question that can be worked on apart from each other: ${topic}.\n`
    + `Keep in mind: ${hard ?? 'nothing is known about it yet'}`,
  { label: 'aspects', schema: ASPECTS },
)

// What a model lists is capped before it is fanned out.
const aspects = (plan?.aspects ?? ['shade', 'water', 'time of day']).slice(0, 3)

phase('Gather')

// `parallel` takes functions, starts them all, and waits for all. A slot whose function failed is null.
const views = await parallel(aspects.map((aspect, at) => () =>
  agent(`What is known about "${aspect}", for the question: ${topic}? Two sentences.`, { label: `view ${at + 1}` })))
const known = aspects.map((aspect, at) => ({ aspect, view: views[at] })).filter((entry) => entry.view !== null)

// `log` writes into the run's log; people see its last line while they wait.
log(`${known.length} of ${aspects.length} aspects have a view`)

phase('Refine')

// `pipeline` sends each item through all stages without waiting for the others. A stage gets what the one
// before gave, the item, and its index; null drops the item. Inside, the group is best named in the options.
const measures = await pipeline(
  known,
  ({ aspect, view }, _, at) =>
    agent(`Propose one measure about "${aspect}". Known: ${view}`, { label: `measure ${at + 1}`, phase: 'Refine' }),
  async (measure, { aspect }, at) => {
    const check = await agent(`Is this measure sound? Name the strongest doubt.\n\n${measure}`, {
      label: `check ${at + 1}`,
      phase: 'Refine',
      schema: CHECK,
    })
    return check && { aspect, measure, ...check }
  },
)
const kept = measures.filter((entry) => entry !== null)
log(`${kept.filter((entry) => entry.sound).length} of ${kept.length} measures were found sound`)

phase('Decide')

// `budget` knows what the agents of this run have used; without a target it never ends.
const affordable = budget.remaining() > 2000

// `workflow` runs another script inline: by its name, or by its path from the working folder (so start the
// tour in the repository's own folder). What goes wrong in it is thrown here.
let ranking = null
if (affordable && kept.length > 1) {
  try {
    const child = await workflow(
      { scriptPath: 'examples/rank.js' },
      { items: kept.map((entry) => entry.measure), criteria: `most use for: ${topic}`, rounds: 2 },
    )
    ranking = child.ranking
  } catch (error) {
    log(`the measures stay in their order: ${error.message}`)
  }
}

const first = ranking?.[0]?.item ?? kept[0]?.measure
const advice = first
  ? await agent(`Recommend this measure to the mayor in three sentences: ${first}`, { label: 'advice' })
  : null

return {
  topic,
  hard,
  advice: advice ?? 'No agent had an answer.',
  measures: kept,
  ranking,
  spent: { tokens: budget.spent(), target: budget.total },
}
