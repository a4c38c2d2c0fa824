"use strict";

// The large view: a click on a picture opens it, arrow keys go on to its neighbours, Escape closes.
const large = document.getElementById("large");
const shown = large.querySelector(".shown img");
const caption = large.querySelector("p");
const beside = large.querySelector(".beside");
let current = null;

const imageOf = button => button.querySelector("img");

function show(button) {
  const image = imageOf(button);
  current = button;
  shown.src = image.src;
  shown.alt = caption.textContent = image.alt;
  shown.classList.toggle("drawing", image.src.startsWith("data:image/svg"));
  const ids = (button.dataset.beside || "").split(" ").filter(Boolean);
  beside.replaceChildren(...ids.map(id => {
    const figure = document.createElement("figure");
    const other = imageOf(document.getElementById(id)).cloneNode();
    const name = document.createElement("figcaption");
    name.textContent = other.alt;
    figure.append(other, name);
    return figure;
  }));
}

// The neighbours of a picture: the others of its table, gallery or strip; without any of these, of the page.
const neighbours = button => [...(button.closest(".pictures, .gallery, .plots, .frames") || document).querySelectorAll("button.zoom")];

function step(count) {
  const all = neighbours(current);
  show(all[(all.indexOf(current) + count + all.length) % all.length]);
}

function stepRow(count) {
  const cell = current.closest("td, th");
  const rows = cell ? [...cell.closest("table").rows] : [];
  for (let row = rows[cell?.parentElement.rowIndex + count]; row; row = rows[row.rowIndex + count]) {
    const button = row.cells[cell.cellIndex]?.querySelector("button.zoom");
    if (button) return show(button);
  }
}

// A swipe goes on as the arrow keys do; a mouse that drags also clicks in the end, which then is not to close.
let from = 0;
let swiped = false;
large.addEventListener("pointerdown", event => {
  from = event.clientX;
  swiped = false;
});
large.addEventListener("pointerup", event => {
  swiped = Math.abs(event.clientX - from) > 40;
  if (swiped) step(event.clientX < from ? 1 : -1);
});

document.addEventListener("click", event => {
  const button = event.target.closest("button");
  if (large.open) {
    if (swiped && event.detail) return;
    if (button?.dataset.go) step(Number(button.dataset.go));
    else large.close();
  } else if (button?.matches(".zoom")) {
    show(button);
    large.showModal();
  }
});
large.addEventListener("keydown", event => {
  const move = {
    ArrowRight: () => step(1), ArrowLeft: () => step(-1), ArrowDown: () => stepRow(1), ArrowUp: () => stepRow(-1),
  }[event.key];
  if (move) {
    event.preventDefault();
    move();
  }
});
large.addEventListener("close", () => current.focus());

// Strips: the slider chooses the frame that is shown large, the button plays them there and back.
for (const strip of document.querySelectorAll(".strip")) {
  const stage = strip.querySelector(".stage");
  const picture = stage.querySelector("img");
  const slider = stage.querySelector("input");
  const frames = [...strip.querySelectorAll(".frames .zoom")];
  const play = stage.querySelector("button.play");
  let timer = 0;
  let way = 1;

  function choose() {
    const frame = frames[slider.value];
    picture.src = imageOf(frame).src;
    picture.alt = imageOf(frame).alt;
    stage.querySelector("output").textContent = frame.dataset.step;
    slider.setAttribute("aria-valuetext", frame.dataset.step);
    for (const one of frames) one.setAttribute("aria-current", one === frame);
  }

  function toggle(on) {
    clearInterval(timer);
    timer = on && setInterval(() => {
      const next = Number(slider.value) + way;
      if (next < 0 || next >= frames.length) way = -way;
      slider.value = Number(slider.value) + way;
      choose();
    }, 120);
    play.textContent = on ? "Pause" : "Play";
  }

  stage.hidden = false;
  stage.querySelector(".scrub").hidden = frames.length < 2;
  slider.addEventListener("input", () => { toggle(false); choose(); });
  play.addEventListener("click", () => toggle(!timer));
  choose();
}
