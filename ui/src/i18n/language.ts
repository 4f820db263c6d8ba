/** The reader's language: from the URL, else remembered, else the browser's; and the words and formats that go with it. */

import { useMemo } from 'react'
import { create } from 'zustand'
import { Format, type Locale } from '../format/format'
import { en, type TextKey } from './en'
import { pt } from './pt'

export const LANGUAGES: Record<Locale, { name: string; texts: Record<TextKey, string> }> = {
  en: { name: 'English', texts: en },
  pt: { name: 'Português', texts: pt },
}

const REMEMBERED = 'code-delivery.language'

export type Values = Record<string, string | number>
export type Text = (key: TextKey, values?: Values) => string

export function isLocale(value: unknown): value is Locale {
  return value === 'en' || value === 'pt'
}

/** The first wish that is a language of ours; English if none is. */
export function chooseLocale(wishes: readonly (string | null | undefined)[]): Locale {
  for (const wish of wishes) {
    const head = wish?.slice(0, 2).toLowerCase()
    if (isLocale(head)) return head
  }
  return 'en'
}

/** Return a text with its values filled in. */
export function fill(locale: Locale, key: TextKey, values: Values = {}): string {
  return LANGUAGES[locale].texts[key].replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole))
}

interface LanguageState {
  locale: Locale
  setLocale: (locale: Locale) => void
}

function remembered(): string | null {
  try {
    return localStorage.getItem(REMEMBERED)
  } catch {
    return null
  }
}

export const useLanguage = create<LanguageState>((set) => ({
  locale: chooseLocale([new URLSearchParams(window.location.search).get('lang'), remembered(), ...navigator.languages]),
  setLocale: (locale) => {
    try {
      localStorage.setItem(REMEMBERED, locale)
    } catch {
      // A browser that keeps nothing still shows the language chosen.
    }
    set({ locale })
  },
}))

export function useText(): { text: Text; format: Format; locale: Locale } {
  const locale = useLanguage((state) => state.locale)
  return useMemo(() => ({ text: (key, values) => fill(locale, key, values), format: new Format(locale), locale }), [locale])
}
