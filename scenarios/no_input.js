export const meta = {
  name: 'no-input',
  description: 'Refuses to begin without anything to do',
}

const items = Array.isArray(args?.items) ? args.items : []
if (items.length === 0) {
  throw new Error('there is nothing to do: give args as {items: [...]}')
}
return await parallel(items.map((item) => () => agent(`Look at ${item}.`)))
