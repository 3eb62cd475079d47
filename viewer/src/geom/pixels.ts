// What a decoded frame is: stored values, as the data set keeps them, before any look-up table.

export type StoredValues = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

/** One decoded frame. Grey and palette frames have one sample a pixel; colour frames three, interleaved, always RGB. */
export interface DecodedFrame {
  readonly rows: number;
  readonly columns: number;
  /** 1 or 3. */
  readonly samples: 1 | 3;
  /** rows × columns × samples stored values, row by row. */
  readonly values: StoredValues;
}

/** How many bytes a decoded frame keeps in memory. */
export function sizeOf(frame: DecodedFrame): number {
  return frame.values.byteLength;
}
