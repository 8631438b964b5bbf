import "./ui/base.css";
import { render } from "preact";

render(<p>mesolith</p>, document.getElementById("app")!);
