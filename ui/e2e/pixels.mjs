/** Pictures of the page, compared in the page itself. */

/** How many pixels differ between two screenshots. */
export function changedPixels(page, before, after) {
  return page.evaluate(
    async (pictures) => {
      const read = async (base64) => {
        const picture = new Image()
        picture.src = `data:image/png;base64,${base64}`
        await picture.decode()
        const canvas = new OffscreenCanvas(picture.width, picture.height)
        const pen = canvas.getContext('2d')
        pen.drawImage(picture, 0, 0)
        return pen.getImageData(0, 0, picture.width, picture.height).data
      }
      const [a, b] = await Promise.all(pictures.map(read))
      let changed = 0
      for (let i = 0; i < a.length; i += 4) if (Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2]) > 60) changed += 1
      return changed
    },
    [before, after].map((picture) => picture.toString('base64')),
  )
}

/** Mean brightness of a screenshot, 0 to 255. */
export function brightness(page, picture) {
  return page.evaluate(async (base64) => {
    const image = new Image()
    image.src = `data:image/png;base64,${base64}`
    await image.decode()
    const pen = new OffscreenCanvas(image.width, image.height).getContext('2d')
    pen.drawImage(image, 0, 0)
    const { data } = pen.getImageData(0, 0, image.width, image.height)
    return data.reduce((sum, part, i) => (i % 4 === 3 ? sum : sum + part), 0) / ((data.length / 4) * 3)
  }, picture.toString('base64'))
}
