/// <reference types="vite/client" />

interface Book {
  id: number;
  title: string;
  author: string;
}

interface Shelf {
  books: Book[];
  visits: number;
}

// Where the backend is, as seen from the browser. Set by CommandCenter.
const api: string = import.meta.env.VITE_API_BASE_URL ?? "http://localhost:8000";

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

async function call<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(api + path, init);
  if (!response.ok) {
    throw new Error(`the backend answered ${response.status}`);
  }
  return (await response.json()) as T;
}

async function show(): Promise<void> {
  const { books, visits } = await call<Shelf>("/books");
  element("books").replaceChildren(
    ...books.map(({ title, author }) => {
      const item = document.createElement("li");
      const name = document.createElement("cite");
      name.textContent = title;
      item.append(name, ` by ${author}`);
      return item;
    }),
  );
  const many = books.length === 1 ? "one book" : `${books.length} books`;
  element("note").textContent = `${many}, looked at ${visits} times`;
}

async function add(form: HTMLFormElement): Promise<void> {
  const { title, author } = Object.fromEntries(new FormData(form));
  await call<Book>("/books", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ title, author }),
  });
  form.reset();
  await show();
}

function told(work: Promise<void>): void {
  work.catch((error: unknown) => {
    element("note").textContent = `That did not work: ${String(error)}`;
  });
}

const form = element<HTMLFormElement>("form");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  told(add(form));
});
const name: string | undefined = import.meta.env.VITE_PROJECT_NAME;
if (name) {
  element("name").textContent = document.title = name;
}
told(show());
