import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "@mantine/core/styles.layer.css";
import "@mantine/spotlight/styles.layer.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./app/shell.css";
import { createRoot } from "react-dom/client";
import { App } from "./app/app";

/*
 * Browsers drop requests whenever an interface of the machine comes or goes, as those of projects'
 * networks do. A sheet that was lost that way is asked for again; scripts wait for sheets, so by
 * now it is known.
 */
const isStyled = getComputedStyle(document.documentElement).getPropertyValue("--ground") !== "";
if (!isStyled) {
  for (const link of document.querySelectorAll('link[rel="stylesheet"]')) {
    link.replaceWith(link.cloneNode());
  }
}

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no #root");
createRoot(root).render(<App />);
