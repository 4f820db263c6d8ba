/** Draws clusters as calm bubbles with a number and a ring that shows the states' shares, on an own 2D canvas. */

import type { Format } from '../format/format'
import { MAP_PALETTES } from '../theme/mapPalette'
import { STATES, stateColour, type ColourMode } from '../theme/stateColours'
import { clusterRadius, type Cluster } from './clusters'

export class ClusterOverlay {
  readonly canvas = document.createElement('canvas')
  private drawn: { cluster: Cluster; left: number; top: number; radius: number }[] = []
  private ratio = 1
  private blank = true

  constructor() {
    this.canvas.className = 'cluster-overlay'
    this.canvas.setAttribute('aria-hidden', 'true')
    Object.assign(this.canvas.style, { position: 'absolute', inset: '0', width: '100%', height: '100%', pointerEvents: 'none', display: 'none' })
  }

  resize(width: number, height: number, ratio: number): void {
    this.ratio = ratio
    this.canvas.width = Math.max(1, Math.round(width * ratio))
    this.canvas.height = Math.max(1, Math.round(height * ratio))
  }

  draw(clusters: readonly Cluster[], project: (x: number, y: number) => { x: number; y: number }, mode: ColourMode, format: Format): void {
    const context = this.canvas.getContext('2d')
    if (!context) return
    const palette = MAP_PALETTES[mode]
    const [width, height] = [this.canvas.width / this.ratio, this.canvas.height / this.ratio]
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0)
    context.clearRect(0, 0, width, height)
    context.textAlign = 'center'
    context.textBaseline = 'middle'
    this.drawn = []
    for (const cluster of clusters) {
      const { x, y } = project(cluster.x, cluster.y)
      const radius = clusterRadius(cluster.count)
      if (x < -radius || y < -radius || x > width + radius || y > height + radius) continue
      this.drawn.push({ cluster, left: x, top: y, radius })
      this.bubble(context, cluster, x, y, radius, mode)
      context.fillStyle = palette.bubbleText
      context.font = `650 ${Math.round(11 + radius / 9)}px system-ui, "DejaVu Sans", sans-serif`
      context.fillText(format.shortCount(cluster.count), x, y + 0.5)
    }
    this.show(true)
  }

  clear(): void {
    if (this.blank) return
    this.drawn = []
    this.show(false)
  }

  /** An empty canvas is taken out of the page: without a GPU, laying it over the map would cost as much as drawing the vehicles. */
  private show(shown: boolean): void {
    if (this.blank !== shown) return
    this.blank = !shown
    this.canvas.style.display = shown ? '' : 'none'
  }

  /** The topmost cluster under a point, if any. */
  at(x: number, y: number): Cluster | null {
    for (let i = this.drawn.length - 1; i >= 0; i -= 1) {
      const { cluster, left, top, radius } = this.drawn[i]
      if (Math.hypot(left - x, top - y) <= radius) return cluster
    }
    return null
  }

  destroy(): void {
    this.canvas.remove()
  }

  private bubble(context: CanvasRenderingContext2D, cluster: Cluster, x: number, y: number, radius: number, mode: ColourMode): void {
    const palette = MAP_PALETTES[mode]
    context.save()
    context.shadowColor = mode === 'light' ? 'rgba(20,35,50,0.28)' : 'rgba(0,0,0,0.55)'
    context.shadowBlur = 8
    context.shadowOffsetY = 1
    context.fillStyle = palette.bubble
    context.beginPath()
    context.arc(x, y, radius, 0, 2 * Math.PI)
    context.fill()
    context.restore()
    context.lineWidth = 3.5
    let angle = -Math.PI / 2
    const shares = cluster.byState.length > 0 ? cluster.byState : [cluster.count]
    shares.forEach((count, state) => {
      if (count === 0) return
      const next = angle + (2 * Math.PI * count) / cluster.count
      context.strokeStyle = stateColour(STATES[state] ?? 'suspended', mode)
      context.beginPath()
      context.arc(x, y, radius - 2.5, angle, next)
      context.stroke()
      angle = next
    })
  }
}
