export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

/** A piece of a line that gets a colour where there is a terminal to show it. */
export interface Styled {
  readonly text: string;
  readonly style: Style;
}

export type Piece = string | number | Styled;

export const styled = (style: Style, text: string | number): Styled => ({ text: String(text), style });
