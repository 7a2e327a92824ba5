export const meta = {
  name: 'why-chain',
  description: 'Asks why until a cause has no further cause',
  phases: [{ title: 'Why' }],
}

const CAUSES = {
  type: 'object',
  properties: { causes: { type: 'array', items: { type: 'string' }, maxItems: 3 } },
  required: ['causes'],
  additionalProperties: false,
}

async function why(fact, depth) {
  const answer = await agent(`Why is it that ${fact}? Give causes, or none if it needs no cause.`, {
    label: `why ${depth}`,
    schema: CAUSES,
  })
  if (answer === null) log(`no answer for: ${fact}`)
  const causes = answer?.causes ?? []
  const below = []
  for (const cause of causes.slice(0, 2)) below.push(await why(cause, depth + 1))
  return { fact, causes: below }
}

phase('Why')
return await why('orders are delivered late', 1)
