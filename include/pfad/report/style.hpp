// The style sheet of the report.
#pragma once

#include <string_view>

namespace pfad::report {

/// Colours are variables, so that dark mode redefines them and nothing else. Series, good and
/// anomalous are told apart by hue and lightness, also by readers who see few hues.
inline constexpr std::string_view report_style = R"(
:root {
  --paper: #f6f5f2; --sheet: #ffffff; --ink: #1d1f24; --faint: #6a6f7a; --rule: #e2e0da;
  --series0: #5b3fc4; --series1: #d9541e; --series2: #0f8a7e; --series3: #a8327d;
  --good: #2f7fb8; --anomalous: #dd5b12; --meter: #e6e0f7; --fine: #1d7a46; --bad: #b8331c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131418; --sheet: #1c1e24; --ink: #e9e8e4; --faint: #989daa; --rule: #31343d;
    --series0: #a793ff; --series1: #ff8f5c; --series2: #4fd0c1; --series3: #ee86c6;
    --good: #63b1e6; --anomalous: #ff8b45; --meter: #37305a; --fine: #5fcf90; --bad: #ff8268;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 2.5rem 1.25rem 3rem; }
h1 { font-size: clamp(1.6rem, 4vw, 2.3rem); line-height: 1.15; letter-spacing: -.02em;
  margin: 0 0 .4rem; text-wrap: balance; }
h2 { font-size: 1.15rem; margin: 0 0 .9rem; letter-spacing: -.01em; }
h3 { font-size: .95rem; margin: 0; }
p { margin: .7rem 0 0; max-width: 75ch; }
.top { margin-bottom: 1.6rem; }
.summary { color: var(--faint); font-size: 1.05rem; margin: 0; }
.note, figcaption { color: var(--faint); font-size: .875rem; }
section > .note { margin: 0 0 1rem; }
section { background: var(--sheet); border: 1px solid var(--rule); border-radius: 14px;
  padding: 1.4rem; margin-top: 1.25rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .8rem; }
.card { background: var(--sheet); border: 1px solid var(--rule); border-radius: 14px;
  padding: 1rem 1.1rem; display: flex; flex-direction: column; }
.card .name { color: var(--faint); font-size: .85rem; }
.card .value { font-size: 1.75rem; font-weight: 650; letter-spacing: -.02em; line-height: 1.25;
  font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .5rem .6rem; border-bottom: 1px solid var(--rule);
  white-space: nowrap; font-weight: 400; }
thead th { color: var(--faint); font-size: .82rem; }
tbody th { font-weight: 600; }
tbody tr:last-child > * { border-bottom: 0; }
.meter { display: block; min-width: 6.2em; padding: .15rem .5rem; border-radius: 6px;
  background: linear-gradient(var(--meter) 0 0) 0 0 / var(--share) 100% no-repeat;
  box-shadow: inset 0 0 0 1px var(--rule); }
.none, .count { color: var(--faint); }
.none { font-style: italic; }
.warning { border-left: 3px solid var(--anomalous); padding-left: .8rem; font-size: .9rem; }
details { margin-top: 1rem; }
summary { cursor: pointer; color: var(--faint); font-size: .9rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.4rem; margin: .6rem 0 0;
  font-size: .9rem; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
figure { margin: 0; min-width: 0; }
figcaption { display: flex; flex-wrap: wrap; align-items: center; gap: .2rem 1.1rem;
  margin-bottom: .4rem; }
figcaption h3 { color: var(--ink); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr));
  gap: 1.6rem; }
svg { display: block; width: 100%; height: auto; }
.scores { max-width: 780px; }
svg text { font-size: 15px; fill: var(--faint); font-variant-numeric: tabular-nums; }
svg .end { text-anchor: end; } svg .mid { text-anchor: middle; }
svg .label { fill: var(--ink); }
svg path { fill: none; }
.grid { stroke: var(--rule); stroke-width: 1; }
.axis { stroke: var(--faint); stroke-width: 1; }
.points { stroke-width: 3; stroke-linecap: round; opacity: .28; }
.line { stroke-width: 2.4; stroke-linejoin: round; stroke-linecap: round; }
.series0 { stroke: var(--series0); } .series1 { stroke: var(--series1); }
.series2 { stroke: var(--series2); } .series3 { stroke: var(--series3); }
.bar.good { fill: var(--good); } .bar.anomalous { fill: var(--anomalous); }
.threshold { stroke: var(--ink); stroke-width: 1.6; stroke-dasharray: 5 4; }
.key::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-right: .45em;
  border-radius: 3px; vertical-align: -.06em; background: var(--colour); }
.key0 { --colour: var(--series0); } .key1 { --colour: var(--series1); }
.key2 { --colour: var(--series2); } .key3 { --colour: var(--series3); }
.key-good { --colour: var(--good); } .key-anomalous { --colour: var(--anomalous); }
article { padding: 1.1rem 0 1.2rem; border-top: 1px solid var(--rule); }
article:last-child { padding-bottom: 0; }
article header { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .8rem;
  margin-bottom: .7rem; }
.verdict, .wrong { font-size: .8rem; font-weight: 600; padding: .05rem .6rem; border-radius: 99px;
  border: 1.5px solid currentColor; }
.fine { color: var(--fine); } .bad { color: var(--bad); }
.wrong { background: var(--ink); color: var(--sheet); border-color: var(--ink); }
.score { margin-left: auto; display: flex; align-items: center; gap: .7rem; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
.scale { position: relative; width: 130px; height: 8px; border-radius: 4px; background:
  linear-gradient(var(--ink) 0 0) 0 0 / var(--score) 100% no-repeat, var(--rule); }
.scale::after { content: ""; position: absolute; left: var(--threshold); top: -4px; width: 2px;
  height: 16px; margin-left: -1px; background: var(--anomalous); }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .7rem; }
.panels img { display: block; width: 100%; height: auto; border-radius: 8px; }
.panels figcaption { margin: .3rem 0 0; }
footer { color: var(--faint); font-size: .85rem; margin-top: 1.5rem; text-align: center; }
@media (max-width: 640px) { svg text { font-size: 20px; } }
@media print { section, .card { break-inside: avoid; } body { background: none; } }
)";

} // namespace pfad::report
