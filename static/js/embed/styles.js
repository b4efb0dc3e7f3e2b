// The look. Every value that begins with --frontrow- is the page's to set; docs/embed.md lists them.
export const STYLES = `
:host{display:block;container-type:inline-size;text-align:start}
:host([hidden]),[hidden]{display:none!important}
.frame{
  --_ink:var(--frontrow-ink,light-dark(#1d1a17,#f4efe8));--_muted:var(--frontrow-muted,light-dark(#6a6259,#aba297));
  --_surface:var(--frontrow-surface,light-dark(#fff,#1f1c19));--_line:var(--frontrow-line,light-dark(#8b8278,#847a6f));
  --_accent:var(--frontrow-accent,light-dark(var(--shop-accent,#8a3b2e),var(--shop-accent_dark,#d98d7f)));
  --_wait:var(--frontrow-wait,light-dark(#855400,#e9bd6f));
  --_bad:var(--frontrow-bad,light-dark(#a4271c,#f5a297));--_radius:var(--frontrow-radius,10px);--_space:var(--frontrow-space,16px);
  --_faint:color-mix(in srgb,var(--_line) 40%,transparent);
  max-width:var(--frontrow-max-width,34rem);margin-inline:auto;padding:calc(var(--_space)*1.25);box-sizing:border-box;
  background:var(--_surface);color:var(--_ink);border:1px solid var(--_faint);border-radius:calc(var(--_radius)*1.4);
  font:var(--frontrow-font-size,16px)/1.5 var(--frontrow-font,system-ui,sans-serif);font-variant-numeric:tabular-nums}
*{box-sizing:border-box}
h2,h3,h4,p,ul,ol,dl,dd,fieldset{margin:0;padding:0;border:0}
h2{font-family:var(--frontrow-display-font,inherit);font-size:clamp(1.6em,8cqi,2.2em);font-weight:400;line-height:1.15}
h3{font-size:1.25em;line-height:1.25}
header{gap:4px;margin-bottom:calc(var(--_space)*1.25)}
header img{width:100%;aspect-ratio:4/3;object-fit:cover;margin-bottom:8px;background:var(--_faint)}
.size:has(:disabled),.strapline,.by,.waiting,small,.knows li,.left,.story li,.inside{color:var(--_muted)}.by,small,.knows,.left,.story li,.inside,.error,.field label{font-size:.875em}
small{display:block}
a{color:inherit}a,.quiet{text-underline-offset:.2em}
header,section,form,.asks,.deeds,.story,.texts,.payment,.knows ul,.story ol,dl,.sizes,.size,.bottom,.place,.fields,.field,.note{display:grid}
section,form,.asks,.deeds,.story,.texts,.payment{gap:var(--_space)}
h3:focus,.note:focus{outline:0}
.asks>:empty,.state:empty,.trouble:empty,.hold:empty{display:none}
.knows ul,.story ol{list-style:none;gap:4px}.knows h3{font-size:1em;margin-bottom:4px}
.sizes{gap:8px;min-width:0}
legend{padding:0;margin-bottom:8px;font-weight:600}
.size{grid-template-columns:auto 1fr auto;gap:2px 12px;align-items:center;min-height:48px;padding:10px 14px;cursor:pointer}
.size:has(:checked:enabled){border-color:var(--_accent);box-shadow:inset 0 0 0 1px var(--_accent)}
.size:has(:disabled){cursor:default}
.left{grid-column:2/4;min-height:1.5em}
[data-left=few] .left{color:var(--_wait)}
[type=radio],[type=checkbox]{accent-color:var(--_accent);width:18px;height:18px;margin:0;flex:none}
.bottom{grid-template-columns:auto 4.5rem 1fr;gap:12px;align-items:center}
.place{align-items:start}.place>*,.place::before{grid-area:1/1}.away{visibility:hidden}
.place::before{content:attr(data-room);content:attr(data-room)/"";white-space:pre-line;visibility:hidden;padding:12px 14px 12px calc(26px + 1.2em)}
@container (max-width:22rem){.bottom{grid-template-columns:auto 1fr}.bottom .main{grid-column:1/-1}}
button,select,.field input{font:inherit;min-height:48px;padding:8px 14px}
header img,.size,button,select,.field input,.note{border-radius:var(--_radius)}.size,button,select,.field input{border:1px solid var(--_line)}
select,.field input{width:100%;background:var(--_surface);color:inherit}
.fields{gap:12px}
@container (min-width:26rem){.fields{grid-template-columns:1fr 1fr}.field{grid-column:1/-1}.field:is(.postal_code,.city,.region,.country){grid-column:auto}}
.field{gap:4px;align-content:start}.discount_code{grid-template-columns:1fr auto}.discount_code>:not(input,button){grid-column:1/-1}.field label{font-weight:600}
[aria-invalid]{border-color:var(--_bad)!important;outline-color:var(--_bad)}
.error{color:var(--_bad)}.error::before{content:"! ";content:"! "/"";font-weight:700}
button{cursor:pointer;background:none;color:inherit}
.main{background:var(--_accent);border-color:var(--_accent);color:var(--frontrow-on-accent,light-dark(var(--shop-on_accent,#fff),var(--shop-on_accent_dark,#161412)));font-weight:650;width:100%}
.quiet{justify-self:start;border-color:transparent;text-decoration:underline;padding-inline:0}
[aria-disabled]{opacity:.65;cursor:progress}
:focus-visible,.size:has(:focus-visible){outline:3px solid var(--_accent);outline-offset:2px}
.note{grid-template-columns:auto 1fr;gap:12px;padding:12px 14px;background:color-mix(in srgb,currentColor 7%,transparent)}
.note .icon{font-weight:800;width:1.2em;text-align:center}
.good{color:var(--frontrow-good,light-dark(#1d6a44,#86cda3))}.wait{color:var(--_wait)}.bad{color:var(--_bad)}.note :is(a,button,p,strong){color:var(--_ink)}
details{border-bottom:1px solid var(--_faint);padding-bottom:8px}summary{cursor:pointer;min-height:24px}
.text{padding-top:8px;overflow-wrap:anywhere}.text>*+*{margin-top:8px}
.tick{display:flex;gap:10px;align-items:start;padding:10px 0;min-height:44px}.tick input{margin-top:3px}
dl{gap:4px}dl div{display:flex;justify-content:space-between;gap:16px}
dl .total{font-weight:700;padding-top:8px;border-top:1px solid var(--_faint)}
.opens{font-weight:700;font-size:1.3em}
slot{display:block;min-height:21rem}
.unseen{position:absolute;width:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media(prefers-reduced-motion:no-preference){.size,button{transition:border-color .16s,opacity .16s}}
@media(forced-colors:active){.size:has(:checked:enabled){outline:2px solid Highlight}}
`;
