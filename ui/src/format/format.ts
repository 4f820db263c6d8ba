/** Every number the page shows comes from here: SI in, the reader's words and units out. */

export type Locale = 'en' | 'pt'

const TAGS: Record<Locale, string> = { en: 'en-GB', pt: 'pt-BR' }
const MISSING = '–'
const cache = new Map<string, Intl.NumberFormat>()

function numberFormat(locale: Locale, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale + JSON.stringify(options)
  let found = cache.get(key)
  if (!found) {
    found = new Intl.NumberFormat(TAGS[locale], options)
    cache.set(key, found)
  }
  return found
}

const known = (value: number | null | undefined): value is number => typeof value === 'number' && Number.isFinite(value)

export class Format {
  constructor(readonly locale: Locale) {}

  count(value: number | null | undefined): string {
    return known(value) ? numberFormat(this.locale, { maximumFractionDigits: 0 }).format(value) : MISSING
  }

  /** 12 345 as 12k: for bubbles on the map. */
  shortCount(value: number): string {
    return value < 1000 ? this.count(value) : numberFormat('en', { notation: 'compact', maximumSignificantDigits: 2 }).format(value)
  }

  /** Metres per second as km/h. */
  speed(mps: number | null | undefined): string {
    return known(mps) ? `${this.count(mps * 3.6)} km/h` : MISSING
  }

  /** Metres as m or km. */
  distance(metres: number | null | undefined): string {
    if (!known(metres)) return MISSING
    if (metres < 1000) return `${this.count(Math.round(metres / 10) * 10)} m`
    const digits = metres < 100_000 ? 1 : 0
    return `${numberFormat(this.locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(metres / 1000)} km`
  }

  /** A share from 0 to 1 as per cent. */
  percent(share: number | null | undefined): string {
    return known(share) ? numberFormat(this.locale, { style: 'percent', maximumFractionDigits: 0 }).format(Math.min(1, Math.max(0, share))) : MISSING
  }

  /** Milliseconds as ms, s, min or h with two parts at most. */
  duration(ms: number | null | undefined): string {
    if (!known(ms)) return MISSING
    const positive = Math.max(0, ms)
    const seconds = Math.round(positive / 1000)
    if (seconds < 60) return `${seconds} s`
    const minutes = Math.round(seconds / 60)
    if (minutes < 60) return `${minutes} min`
    return `${this.count(Math.floor(minutes / 60))} h ${minutes % 60} min`
  }

  /** Age of data: ms below one second, else seconds with one decimal. */
  age(ms: number | null | undefined): string {
    if (!known(ms)) return MISSING
    const positive = Math.max(0, ms)
    if (positive < 1000) return `${this.count(Math.round(positive / 10) * 10)} ms`
    if (positive < 60_000) return `${numberFormat(this.locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(positive / 1000)} s`
    return this.duration(positive)
  }

  /** Epoch ms as the time of day. */
  timeOfDay(epochMs: number | null | undefined, seconds = false): string {
    if (!known(epochMs)) return MISSING
    const options: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', ...(seconds ? { second: '2-digit' } : {}) }
    return new Intl.DateTimeFormat(TAGS[this.locale], options).format(epochMs)
  }

  /** Epoch ms as day and time. */
  dateTime(epochMs: number | null | undefined): string {
    return known(epochMs) ? new Intl.DateTimeFormat(TAGS[this.locale], { dateStyle: 'medium', timeStyle: 'medium' }).format(epochMs) : MISSING
  }

  /** A clock's scale: ×1, ×0.5, ×60. */
  scale(scale: number): string {
    return `×${numberFormat(this.locale, { maximumFractionDigits: 2 }).format(scale)}`
  }
}
