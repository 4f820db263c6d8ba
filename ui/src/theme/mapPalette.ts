/** The base map's colours: paper by day, slate by night; quiet, so that the vehicles are what one sees. */

import type { ColourMode } from './stateColours'

export interface MapPalette {
  water: string
  land: string
  border: string
  label: string
  labelHalo: string
  minorStreet: string
  street: string
  mainStreet: string
  casing: string
  routeDriven: string
  routeAhead: string
  routeCasing: string
  bubble: string
  bubbleText: string
  halo: string
  selection: string
}

export const MAP_PALETTES: Record<ColourMode, MapPalette> = {
  light: {
    water: '#d3dfe6',
    land: '#f4f3ef',
    border: '#b9b6ad',
    label: '#6f6e68',
    labelHalo: '#f4f3ef',
    minorStreet: '#cfcabc',
    street: '#bbb4a2',
    mainStreet: '#a0967d',
    casing: '#ffffff',
    routeDriven: '#8093a6',
    routeAhead: '#62aee8',
    routeCasing: '#ffffff',
    bubble: '#ffffff',
    bubbleText: '#1c2733',
    halo: '#ffffff',
    selection: '#10202e',
  },
  dark: {
    water: '#0c1115',
    land: '#12181e',
    border: '#3a4652',
    label: '#93a1ae',
    labelHalo: '#12181e',
    minorStreet: '#33414e',
    street: '#445566',
    mainStreet: '#5d7389',
    casing: '#141a20',
    routeDriven: '#6d7f90',
    routeAhead: '#2f7fb5',
    routeCasing: '#0d1217',
    bubble: '#1f2933',
    bubbleText: '#eef3f7',
    halo: '#0d1217',
    selection: '#ffffff',
  },
}
