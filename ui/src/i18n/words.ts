/** Words for values of the wire; a value this page does not know is shown as it is. */

import { en, type TextKey } from './en'
import type { Text } from './language'

const word = (key: string, value: string, text: Text): string => (key in en ? text(key as TextKey) : value)

export const stateWord = (state: string, text: Text): string => word(`state.${state}`, state, text)
export const vehicleWord = (vehicle: string, text: Text): string => word(`vehicle.${vehicle}`, vehicle, text)
