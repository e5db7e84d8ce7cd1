import {
  createTheme,
  Drawer,
  type MantineThemeOverride,
  Menu,
  Modal,
  NativeSelect,
  Select,
  Tooltip,
} from "@mantine/core";

const CLOSE = { "aria-label": "Close" };

/*
 * Colours and type are set in styles/tokens.css: the Content-Security-Policy forbids the style
 * elements that themes are made of. For the same reason nothing may lock scrolling.
 */
export const theme: MantineThemeOverride = createTheme({
  cursorType: "pointer",
  components: {
    Modal: Modal.extend({
      defaultProps: {
        lockScroll: false,
        transitionProps: { duration: 0 },
        closeButtonProps: CLOSE,
      },
    }),
    Drawer: Drawer.extend({
      defaultProps: {
        lockScroll: false,
        position: "right",
        transitionProps: { duration: 0 },
        closeButtonProps: CLOSE,
      },
    }),
    Menu: Menu.extend({ defaultProps: { transitionProps: { duration: 0 } } }),
    Select: Select.extend({ defaultProps: { size: "sm" } }),
    NativeSelect: NativeSelect.extend({ defaultProps: { size: "sm" } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 300, transitionProps: { duration: 0 } } }),
  },
});
