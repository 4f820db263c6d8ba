/** The overlay's shaders. The vertex shader follows the same law of motion as `VehicleStore.placeAt`. */

import { EXTRAPOLATION } from '../live/VehicleStore'

/** 0 plain squares, 1 discs with a halo, 2 arrows, 3 the ring around the selected vehicle. */
export const SHAPE = { squares: 0, discs: 1, arrows: 2, ring: 3 } as const

export const VERTEX = `#version 300 es
precision highp float;
precision highp int;
layout(location = 0) in ivec2 a_place0;
layout(location = 1) in ivec2 a_place1;
layout(location = 2) in ivec2 a_place2;
layout(location = 3) in vec3 a_time;
layout(location = 4) in uvec4 a_look; // headings at the three places, state
uniform mat4 u_matrix;   // from world units around u_origin to clip space
uniform ivec2 u_origin;
uniform float u_time;    // virtual ms since the buffer's epoch
uniform float u_size;    // device pixels
uniform int u_mask;      // bit of a state set: shown
uniform int u_shape;
uniform vec3 u_colours[8];
out vec3 v_colour;
out vec2 v_turn;
flat out int v_shape;

void main() {
  int state = int(a_look.w);
  bool late = u_time >= a_time.y;
  ivec2 from = late ? a_place1 : a_place0;
  ivec2 to = late ? a_place2 : a_place1;
  float t0 = late ? a_time.y : a_time.x;
  float t1 = late ? a_time.z : a_time.y;
  float span = t1 - t0;
  float most = late && state == 0 ? ${(1 + EXTRAPOLATION).toFixed(2)} : 1.0;
  float share = span > 0.0 ? clamp((u_time - t0) / span, 0.0, most) : (late ? 1.0 : 0.0);
  // Integer differences are exact and wrap around the world; only they become floats.
  vec2 place = vec2(from - u_origin) + vec2(to - from) * share;
  gl_Position = u_matrix * vec4(place, 0.0, 1.0);
  float h0 = float(late ? a_look.y : a_look.x);
  float h1 = float(late ? a_look.z : a_look.y);
  float turn = mod(h1 - h0 + 384.0, 256.0) - 128.0;
  float angle = (h0 + turn * min(share, 1.0)) * 0.02454369;
  v_turn = vec2(cos(angle), sin(angle));
  v_colour = u_colours[min(state, 7)];
  // Who stands has no direction to show.
  v_shape = u_shape == 2 && state != 0 ? 1 : u_shape;
  gl_PointSize = u_size * (u_shape == 2 && v_shape == 1 ? 0.6 : 1.0);
  if (u_shape != 3 && (u_mask & (1 << state)) == 0) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
}
`

export const FRAGMENT = `#version 300 es
precision highp float;
in vec3 v_colour;
in vec2 v_turn;
flat in int v_shape;
uniform float u_size;
uniform vec3 u_halo;
uniform vec3 u_selection;
out vec4 colour;

void main() {
  if (v_shape == 0) {
    colour = vec4(v_colour, 1.0);
    return;
  }
  vec2 p = (gl_PointCoord - 0.5) * 2.0;
  float pixel = 2.0 / u_size;
  if (v_shape == 3) {
    float d = abs(length(p) - 0.82) - 0.07;
    float ring = 1.0 - smoothstep(0.0, pixel, d);
    float glow = (1.0 - smoothstep(0.0, 0.82, length(p))) * 0.22;
    float a = max(ring, glow);
    colour = vec4(u_selection * a, a);
    return;
  }
  float d;
  float rim;
  if (v_shape == 1) {
    d = length(p) - 0.94;
    rim = 0.26;
  } else {
    // Turn the point back, then a dart: a tip, two tails and a notch. y points against the drive.
    vec2 q = vec2(p.x * v_turn.x + p.y * v_turn.y, -p.x * v_turn.y + p.y * v_turn.x);
    float side = abs(q.x) * 0.9129 - (q.y + 0.98) * 0.4082;
    float tail = (q.y - 0.42) * 0.862 - abs(q.x) * 0.507;
    d = max(side, tail);
    rim = 0.11;
  }
  float outer = 1.0 - smoothstep(-pixel, 0.0, d);
  float inner = 1.0 - smoothstep(-pixel, 0.0, d + rim);
  colour = vec4(mix(u_halo, v_colour, inner) * outer, outer);
}
`
